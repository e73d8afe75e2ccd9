#include "cli/registry_access.h"

#include "cli/interrupts.h"
#include "cli/output.h"
#include "cli/transfer_command.h"
#include "store/layout.h"
#include "sys/file.h"

namespace bolt::cli {

Result<transfer::RegistryOptions> registry_options(RegistryWords const& words) {
    transfer::RegistryOptions options;
    options.helpers = TRY(start_credential_helpers(words.credentials_file));
    expect_interrupts();
    options.verify = words.verifies_tls ? transfer::TlsVerify::yes : transfer::TlsVerify::no;
    options.credentials_file = words.credentials_file;
    options.credentials = words.credentials;
    options.cancelled = is_interrupted;
    options.say = [](std::string const& text) { say(text); };
    return options;
}

std::string tag_or_digest(image::Reference const& name) { return name.digest() ? name.digest()->text() : name.tag(); }

Result<std::vector<image::Reference>> meanings_of(image::Reference const& name) { return TRY(transfer::Registries::load(name)).meanings_of(name); }

Result<FileLock> hold_lists() {
    auto const layout = TRY(store::Layout::of_calling_user());
    TRY(make_directories(layout.runtime, 0700));
    return FileLock::acquire(layout.runtime / "lists.lock", LockMode::exclusive, std::chrono::minutes(2)).while_doing("wait for another that signs or attaches");
}

Result<std::vector<transfer::Registries::Place>> places_to_ask(image::Reference const& name) {
    using transfer::Registries;
    auto const registries = TRY(Registries::load(name));
    std::vector<Registries::Place> places;
    for (auto const& meaning : TRY(registries.meanings_of(name)))
        for (auto& place : TRY(registries.places_of(meaning, Registries::Use::pull))) places.push_back(std::move(place));
    return places;
}

} // namespace bolt::cli
