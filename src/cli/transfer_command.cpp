#include "cli/transfer_command.h"

#include "cli/command_line.h"
#include "cli/output.h"
#include "engine/settings.h"
#include "transfer/registries.h"

namespace bolt::cli {

namespace {

Result<void> print_help(Command const& command) {
    auto text = fmt::format("Usage:  bolt {} [OPTIONS] {}\n\n{}\n\nOptions:\n", command.name, command.arguments, command.summary);
    for (auto const& option : command.options) text += fmt::format("      --{:<24} {}\n", fmt::format("{} {}", option.name, option.argument), option.help);
    return print(text);
}

} // namespace

Result<std::shared_ptr<transfer::CredentialHelpers>> start_credential_helpers(std::optional<HostPath> const& credentials_file) {
    auto order = credentials_file ? std::vector<std::string>() : TRY(transfer::Registries::load_credential_helpers());
    if (order.empty() && !transfer::mention_helpers(transfer::credential_files(credentials_file))) return std::shared_ptr<transfer::CredentialHelpers>();
    return std::shared_ptr<transfer::CredentialHelpers>(TRY(transfer::CredentialHelpers::start(std::move(order))));
}

Result<transfer::PullOptions> options_from_settings() {
    auto const settings = TRY(engine::load_settings());
    transfer::PullOptions options;
    options.keeps_blobs = settings.keeps_blobs;
    options.blob_limit = settings.keeps_blobs ? settings.blob_limit : Bytes{};
    options.sync = settings.sync;
    return options;
}

Result<UserNamespaceEntry> prepare_transfer(store::Layout const& layout) {
    auto entry = TRY(enter_user_namespace_of_caller(layout.runtime / "userns"));
    if (entry.shortage) warn(*entry.shortage);
    expect_interrupts();
    return entry;
}

std::optional<int> read_transfer_words(Command const& command, Words const& arguments, void* options, Words& words) {
    auto line = parse_command_line(command, arguments, options);
    if (line.refusal) {
        say(line.refusal->text);
        return line.refusal->exit_code;
    }
    if (line.asks_for_help) return print_help(command) ? 0 : command.failure;
    words = std::move(line.words);
    return std::nullopt;
}

int finish_transfer(Command const& command, Words const& names, Result<void> const& outcome) {
    if (outcome) return 0;
    say(fmt::format("{}{}{}: {}", command.name, names.empty() ? "" : " ", names.empty() ? "" : names.front(), outcome.error().text()));
    return outcome.error().is(ECANCELED) ? 130 : command.failure;
}

} // namespace bolt::cli
