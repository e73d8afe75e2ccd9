// All commands.
#pragma once

#include <span>
#include <string_view>

#include "cli/command.h"

namespace bolt::cli {

extern Command const run_command, create_command, ps_command, logs_command, exec_command, attach_command, wait_command, stop_command,
    start_command, restart_command, kill_command, rm_command, inspect_command, images_command, rmi_command, pull_command, push_command, version_command,
    info_command, help_command, tag_command, untag_command, save_command, load_command, image_mount_command, image_prune_command, image_unmount_command, search_command, image_sign_command, image_trust_command, image_verify_command, history_command, commit_command, diff_command, export_command, import_command, store_check_command, store_df_command, store_gc_command, login_command, logout_command,
    manifest_add_command, manifest_create_command, manifest_inspect_command, manifest_ls_command, manifest_push_command, manifest_remove_command, manifest_rm_command, artifact_ls_command, artifact_pull_command, artifact_push_command,
    config_get_command, config_list_command, config_set_command, config_unset_command;

// In the order in which help shows them.
std::span<Command const* const> all_commands();
Command const* find_command(std::string_view name); // nullptr when there is none

// What follows "bolt": finds the command and performs it; help, version, `__options` and `__complete` too. The exit code.
int perform_words(Words const& words);

// Docker's grouped spelling: `bolt container ls` is `bolt ps`.
struct GroupedCommand {
    std::string_view group, word;
    Command const* command;
    std::string_view option; // given before the user's: "--type=image", or empty
};
std::span<GroupedCommand const> grouped_commands();
struct CommandGroup {
    std::string_view name, summary;
};
std::span<CommandGroup const> command_groups();

} // namespace bolt::cli
