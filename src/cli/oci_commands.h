// bolt-oci's command line: runc's words. The tables are the only place that knows it; parsing, help and `__options` come
// from them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/command.h"
#include "cli/oci_container.h"
#include "sys/path.h"

namespace bolt::cli::oci_command {

// The options before the command.
struct Globals {
    std::optional<HostPath> named_root;
    HostPath root; // that, or the default
    std::string log_path;
    UniqueFd log; // what is to be read there by engines
    bool log_json = false, debug = false, without_warnings = false;
    bool asks_for_version = false, asks_for_help = false;
    char** arguments = nullptr; // main's, the program's name included
    int inherited = 0;          // descriptors from 3 on that were open without a gap before this program opened any
    oci::CgroupUse cgroup_use = oci::CgroupUse::counted;
    bool asks_systemd = false; // cgroups are scopes of systemd's
};
Globals& globals();

// bolt-scope, beside this program or in ../libexec/bolt. ENOENT names the next step.
Result<HostPath> scope_program();

// EBADF names the first of `count` descriptors after the standard streams that the caller has not opened; `wanted_by` says who asks.
Result<void> require_inherited(int count, std::string_view wanted_by);

Result<void> open_log(std::string const& path);

// What a failure is worth: runc's exit codes.
inline constexpr int failed = 1, exec_failed = 255;
// 127 for a command that is not there, 126 for one that cannot be executed, else `otherwise`.
int exit_code_of(Error const& error, int otherwise);

int create(Command const& command, Words const& words);
int run(Command const& command, Words const& words);
int start(Command const& command, Words const& words);
int exec(Command const& command, Words const& words);
int state(Command const& command, Words const& words);
int list(Command const& command, Words const& words);
int kill(Command const& command, Words const& words);
int remove(Command const& command, Words const& words);
int pause(Command const& command, Words const& words);
int resume(Command const& command, Words const& words);
int update(Command const& command, Words const& words);
int events(Command const& command, Words const& words);
int ps(Command const& command, Words const& words);
int checkpoint(Command const& command, Words const& words);
int restore(Command const& command, Words const& words);
int spec(Command const& command, Words const& words);
int features(Command const& command, Words const& words);

// The tables of options, beside the functions that read them.
extern std::span<Option const> const create_options, run_options, exec_options, list_options, kill_options, delete_options, update_options, checkpoint_options, restore_options, events_options, ps_options, spec_options;

std::span<Command const> all_commands();

// Parses a command's words into `options`. Help and refusals have been printed when there is an exit code.
struct Parsed {
    Words words;
    std::optional<int> exit_code;
};
Parsed parse(Command const& command, Words const& words, void* options);
// The ids below --root, sorted; those of which `expression` (regex(7)) matches a part, when there is one.
Result<std::vector<std::string>> container_ids(std::optional<std::string> const& expression = std::nullopt);
struct DeleteOptions {
    bool force = false, regex = false;
};
// runtime.md, delete. EBUSY for one that runs, without force.
Result<void> delete_container(std::string const& id, DeleteOptions const& options);
// "table" or "json"; EINVAL for another format.
Result<bool> asks_for_json(std::string_view format);
// Says the error on standard error and in the log, and returns the exit code.
int complain(Error const& error, int exit_code = failed);
void warn(std::string_view text);
// To standard output: 0, or the failure's exit code when it cannot be written.
int show(std::string_view text);

std::string help_of(Command const& command);
std::string help_of_program();
std::string list_of_options();
std::span<Option const> global_options();

} // namespace bolt::cli::oci_command
