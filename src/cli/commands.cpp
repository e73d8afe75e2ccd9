#include "cli/commands.h"

namespace bolt::cli {

namespace {

constexpr Command const* all[] = {
    &run_command,  &exec_command,    &ps_command,   &pull_command, &push_command, &images_command,  &version_command, &info_command,
    &attach_command, &commit_command, &create_command, &diff_command, &export_command, &history_command, &import_command, &inspect_command, &kill_command, &logs_command, &restart_command, &rm_command,
    &rmi_command,  &save_command,  &search_command, &load_command, &login_command, &logout_command, &start_command,   &stop_command, &tag_command,  &untag_command, &wait_command, &help_command,
};

constexpr GroupedCommand grouped[] = {
    {"artifact", "ls", &artifact_ls_command, {}},   {"artifact", "pull", &artifact_pull_command, {}},
    {"artifact", "push", &artifact_push_command, {}},
    {"config", "get", &config_get_command, {}},     {"config", "list", &config_list_command, {}},
    {"config", "ls", &config_list_command, {}},     {"config", "set", &config_set_command, {}},
    {"config", "unset", &config_unset_command, {}},
    {"container", "attach", &attach_command, {}},   {"container", "create", &create_command, {}},
    {"container", "commit", &commit_command, {}},   {"image", "import", &import_command, {}},
    {"container", "diff", &diff_command, {}},       {"container", "export", &export_command, {}},
    {"container", "exec", &exec_command, {}},       {"container", "inspect", &inspect_command, "--type=container"},
    {"container", "kill", &kill_command, {}},       {"container", "list", &ps_command, {}},
    {"container", "logs", &logs_command, {}},       {"container", "ls", &ps_command, {}},
    {"container", "ps", &ps_command, {}},           {"container", "remove", &rm_command, {}},
    {"container", "restart", &restart_command, {}}, {"container", "rm", &rm_command, {}},
    {"container", "run", &run_command, {}},         {"container", "start", &start_command, {}},
    {"container", "stop", &stop_command, {}},       {"container", "wait", &wait_command, {}},
    {"image", "history", &history_command, {}},     {"image", "inspect", &inspect_command, "--type=image"},
    {"image", "load", &load_command, {}},           {"image", "save", &save_command, {}},
    {"image", "list", &images_command, {}},         {"image", "ls", &images_command, {}},
    {"image", "mount", &image_mount_command, {}},
    {"image", "pull", &pull_command, {}},           {"image", "push", &push_command, {}},
    {"image", "prune", &image_prune_command, {}},   {"image", "remove", &rmi_command, {}},
    {"image", "rm", &rmi_command, {}},              {"image", "search", &search_command, {}},       {"image", "sign", &image_sign_command, {}},
    {"image", "tag", &tag_command, {}},             {"image", "trust", &image_trust_command, {}},
    {"image", "verify", &image_verify_command, {}},
    {"image", "umount", &image_unmount_command, {}}, {"image", "unmount", &image_unmount_command, {}},
    {"image", "untag", &untag_command, {}},         {"store", "check", &store_check_command, {}},
    {"manifest", "add", &manifest_add_command, {}},  {"manifest", "create", &manifest_create_command, {}},
    {"manifest", "inspect", &manifest_inspect_command, {}}, {"manifest", "ls", &manifest_ls_command, {}},
    {"manifest", "push", &manifest_push_command, {}}, {"manifest", "remove", &manifest_remove_command, {}},
    {"manifest", "rm", &manifest_rm_command, {}},
    {"store", "df", &store_df_command, {}},
    {"store", "gc", &store_gc_command, {}},         {"system", "info", &info_command, {}},
};

constexpr CommandGroup groups[] = {
    {"artifact", "Files in a registry that are no image: SBOMs, signatures"},
    {"config", "Look at and change settings"},
    {"container", "Manage containers"},
    {"image", "Manage images"},
    {"manifest", "Put images for many platforms together under one name"},
    {"store", "Look after the local store"},
    {"system", "Look at this installation"},
};

} // namespace

std::span<Command const* const> all_commands() { return all; }
std::span<GroupedCommand const> grouped_commands() { return grouped; }
std::span<CommandGroup const> command_groups() { return groups; }

Command const* find_command(std::string_view name) {
    for (auto const* const command : all)
        if (command->name == name) return command;
    return nullptr;
}

} // namespace bolt::cli
