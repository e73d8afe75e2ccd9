#include "engine/installation.h"

#include "sys/file.h"
#include "sys/own_program.h"

namespace bolt::engine {

namespace {

// Beside the running program (a build directory, /usr/libexec/bolt) or in ../libexec/bolt (an installed /usr/bin/bolt).
Result<HostPath> find_own_part(HostPath const& own_directory, std::string_view name) {
    for (auto const& directory : {own_directory, own_directory.parent() / "libexec/bolt"})
        if (auto const candidate = directory / name; exists(candidate)) return candidate;
    return Error::of(ENOENT, "program '{}' is missing beside '{}' and in '{}'; install bolt again (./dev install)", name, own_directory,
                     own_directory.parent() / "libexec/bolt");
}

} // namespace

Result<Installation> open_installation() {
    auto layout = TRY(store::Layout::of_calling_user());
    TRY(layout.require_own());
    TRY(layout.require_known_version());
    auto user = TRY(calling_user());
    auto const here = TRY(own_program()).parent();
    auto monitor = TRY(find_own_part(here, "bolt-monitor"));
    auto transfer = TRY(find_own_part(here, "bolt-transfer"));
    auto init = TRY(find_own_part(here, "bolt-init"));
    auto scope = TRY(find_own_part(here, "bolt-scope"));
    auto holders = layout.runtime / "userns";
    return Installation{std::move(layout), std::move(user), std::move(monitor), std::move(transfer), std::move(init), std::move(scope), std::move(holders)};
}

} // namespace bolt::engine
