// What bolt-transfer's commands have in common.
#pragma once

#include <span>

#include "cli/command.h"
#include "cli/interrupts.h"
#include "store/layout.h"
#include "sys/user_namespace.h"
#include "transfer/credential_programs.h"
#include "transfer/pull.h"

namespace bolt::cli {

extern Command const transfer_pull_command, transfer_push_command, transfer_save_command, transfer_load_command, transfer_login_command, transfer_logout_command,
    transfer_commit_command, transfer_import_command, transfer_store_check_command,
    transfer_manifest_push_command, transfer_manifest_inspect_command, transfer_artifact_ls_command, transfer_artifact_pull_command, transfer_artifact_push_command,
    transfer_image_sign_command, transfer_image_verify_command, transfer_image_trust_command, transfer_search_command;

// What asks programs for logins; none when no file names any. Before prepare_transfer().
Result<std::shared_ptr<transfer::CredentialHelpers>> start_credential_helpers(std::optional<HostPath> const& credentials_file);

// As config.toml has it. Before the user namespace is entered: whose home it is, is known out here.
Result<transfer::PullOptions> options_from_settings();

// Goes into the user's user namespace (what lacks there is said), and lets signals that end it only ask for its end. Before any threads.
Result<UserNamespaceEntry> prepare_transfer(store::Layout const& layout);
// Parses, or answers what is wrong or was asked: then the exit code is returned.
std::optional<int> read_transfer_words(Command const& command, Words const& arguments, void* options, Words& words);

// Says the error, if there is one; the exit code.
int finish_transfer(Command const& command, Words const& names, Result<void> const& outcome);
// A Command's `perform`: `body` gets the options as set and the words that are none.
template <typename Options, auto body>
int perform_transfer(Command const& command, Words const& arguments) {
    Options words;
    Words names;
    if (auto const answered = read_transfer_words(command, arguments, &words, names)) return *answered;
    return finish_transfer(command, names, body(words, names));
}

} // namespace bolt::cli
