// bolt-oci: the OCI runtime as a program, with runc's command line.
#include <fcntl.h>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include "cli/command_line.h"
#include "cli/oci_commands.h"
#include "sys/device_filter.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::cli::oci_command {

namespace {

using ToGlobals = Set<Globals>;

Result<HostPath> parse_root(std::string_view text) { return HostPath::absolute(text); }

Result<void> set_log_format(Globals& to, std::string_view format) {
    if (format != "json" && format != "text") return Error::of(EINVAL, "'{}' is not a log format; write text or json", format);
    to.log_json = format == "json";
    return {};
}

// crun's form has the kind of the log before its name.
Result<void> set_log(Globals& to, std::string_view destination) {
    for (std::string_view const kind : {"journald:", "syslog:"})
        if (destination.starts_with(kind)) return Error::of(ENOTSUP, "bolt-oci logs to files only, not to '{}'", destination);
    to.log_path = destination.starts_with("file:") ? destination.substr(5) : destination;
    return {};
}

Result<void> set_log_level(Globals& to, std::string_view level) {
    if (level != "debug" && level != "warning" && level != "error") return Error::of(EINVAL, "'{}' is not a log level; write debug, warning or error", level);
    to.without_warnings = level == "error";
    return {};
}

Result<void> pass_over(Globals&, std::string_view) { return {}; }

Result<void> set_systemd(Globals& to, std::string_view value) {
    to.asks_systemd = value == "true";
    return {};
}

Result<void> set_cgroup_use(Globals& to, std::string_view name) {
    if (name != "cgroupfs" && name != "systemd" && name != "disabled") return Error::of(EINVAL, "'{}' is not a cgroup manager; write cgroupfs, systemd or disabled", name);
    to.cgroup_use = name == "disabled" ? oci::CgroupUse::never : oci::CgroupUse::counted;
    to.asks_systemd = name == "systemd";
    return {};
}

// The kernel is asked when it matters; the option is for runc's callers.
Result<void> check_rootless(Globals&, std::string_view value) {
    if (value == "true" || value == "false" || value == "auto") return {};
    return Error::of(EINVAL, "'{}' is not one of true, false, auto", value);
}

constexpr Option options_of_program[] = {
    {"root", 0, "dir", "where the containers' state is kept", ToGlobals::parsed<&Globals::named_root, parse_root>, offers_files},
    {"log", 0, "file", "append errors and warnings to this file", ToGlobals::by<set_log>, offers_files},
    {"log-format", 0, "text|json", "the log's format", ToGlobals::by<set_log_format>, "text json"},
    {"log-level", 0, "level", "error: no warnings", ToGlobals::by<set_log_level>, "debug warning error"},
    {"criu", 0, "path", "accepted for runc's callers; criu is found in $PATH", ToGlobals::by<pass_over>, offers_files},
    {"debug", 0, "", "accepted for runc's callers", ToGlobals::flag<&Globals::debug>},
    {"systemd-cgroup", 0, "", "have systemd make the cgroups, as scopes", ToGlobals::by<set_systemd>},
    {"cgroup-manager", 0, "name", "cgroupfs (the default), systemd or disabled", ToGlobals::by<set_cgroup_use>, "cgroupfs systemd disabled"},
    {"rootless", 0, "auto|true|false", "accepted for runc's callers", ToGlobals::by<check_rootless>, "auto true false"},
    {"version", 'v', "", "print the version", ToGlobals::flag<&Globals::asks_for_version>},
};

constexpr Command program{"", "COMMAND [ARG...]", "run OCI containers", options_of_program, 0, -1, OptionsEnd::at_first_argument, Names::commands, nullptr, failed, "bolt-oci "};

// In /tmp anybody may have made it first, and what is in there is believed: hooks are run.
Result<HostPath> own_directory_in_tmp() {
    auto directory = TRY(HostPath::parse(fmt::format("/tmp/bolt-run-{}", geteuid())));
    if (auto const made = make_directory(directory, 0700); !made && !made.error().is(EEXIST)) return made.error();
    struct stat status {};
    if (lstat(directory.c_str(), &status) < 0) return Error::from_errno("look at '{}'", directory);
    if (S_ISDIR(status.st_mode) && status.st_uid == geteuid() && (status.st_mode & 022) == 0) return directory;
    return Error::of(EPERM, "'{}' is not a directory that only user {} may write to; choose another with '--root', or set XDG_RUNTIME_DIR", directory, geteuid());
}

Result<HostPath> default_root() {
    char const* const runtime = getenv("XDG_RUNTIME_DIR");
    bool const has_own = runtime && *runtime == '/';
    // Root of a user's namespace, as podman calls it, is the user; root of one without such a directory has its own /run.
    if (geteuid() == 0 && (!has_own || TRY(in_initial_user_namespace()))) return HostPath::parse("/run/bolt-oci");
    auto const base = TRY(has_own ? HostPath::parse(runtime) : own_directory_in_tmp());
    return base / "bolt-oci";
}

std::string shown(Option const& option) {
    auto name = option.letter ? fmt::format("-{}, --{}", option.letter, option.name) : fmt::format("    --{}", option.name);
    if (!option.argument.empty()) name += fmt::format(" {}", option.argument);
    return fmt::format("  {:<34} {}\n", name, option.help);
}

constexpr Option help_option{"help", 0, "", "print this", nullptr};

int refuse(CommandLine::Refusal const& refusal) {
    fmt::print(stderr, "bolt-oci: {}\n", refusal.text);
    return failed;
}

} // namespace

Result<HostPath> scope_program() {
    // By the name that it was called with: what runs may be a copy in another place.
    auto const called = std::string(globals().arguments[0]);
    auto const path = called.find('/') != called.npos ? TRY(HostPath::absolute(called)) : TRY(find_program(called));
    auto const here = TRY(real_path(path)).parent();
    for (auto const& directory : {here, here.parent() / "libexec/bolt"})
        if (auto const candidate = directory / "bolt-scope"; exists(candidate)) return candidate;
    return Error::of(ENOENT, "program 'bolt-scope', which speaks to systemd, is neither in '{}' nor in '{}'; install bolt again (./dev install)", here,
                     here.parent() / "libexec/bolt");
}

Result<void> require_inherited(int count, std::string_view wanted_by) {
    if (count <= globals().inherited) return {};
    return Error::of(EBADF, "{}: descriptor {} is not open", wanted_by, 3 + globals().inherited);
}

Result<bool> asks_for_json(std::string_view format) {
    if (format == "json" || format == "table") return format == "json";
    return Error::of(EINVAL, "'{}' is not a format; write table or json", format);
}

std::span<Option const> global_options() { return options_of_program; }

Globals& globals() {
    static Globals only;
    return only;
}

std::span<Command const> all_commands() {
    constexpr std::string_view owner = "bolt-oci ";
    static Command const commands[] = {
        {"create", "ID", "make a container and leave it waiting for its start", create_options, 1, 1, OptionsEnd::nowhere, Names::nothing, create, failed, owner},
        {"start", "ID", "start a created container", {}, 1, 1, OptionsEnd::nowhere, Names::containers, start, failed, owner},
        {"run", "ID", "create and start a container", run_options, 1, 1, OptionsEnd::nowhere, Names::nothing, run, failed, owner},
        {"exec", "ID [COMMAND] [ARG...]", "run a process more in a running container", exec_options, 1, -1, OptionsEnd::at_first_argument, Names::running_containers, exec, failed, owner},
        {"state", "ID", "print a container's state as JSON", {}, 1, 1, OptionsEnd::nowhere, Names::containers, state, failed, owner},
        {"list", "", "list the containers below --root", list_options, 0, 0, OptionsEnd::nowhere, Names::nothing, list, failed, owner},
        {"kill", "ID [SIGNAL]", "send a signal (default SIGTERM) to the container's init", kill_options, 1, 2, OptionsEnd::nowhere, Names::running_containers, kill, failed, owner},
        {"delete", "ID", "remove a container that has ended", delete_options, 1, 1, OptionsEnd::nowhere, Names::containers, remove, failed, owner},
        {"ps", "ID [PS-OPTION...]", "show a container's processes", ps_options, 1, -1, OptionsEnd::at_first_argument, Names::running_containers, ps, failed, owner},
        {"pause", "ID", "stop all processes of a container", {}, 1, 1, OptionsEnd::nowhere, Names::running_containers, pause, failed, owner},
        {"resume", "ID", "let a paused container go on", {}, 1, 1, OptionsEnd::nowhere, Names::running_containers, resume, failed, owner},
        {"update", "ID", "change a running container's limits", update_options, 1, 1, OptionsEnd::nowhere, Names::running_containers, update, failed, owner},
        {"events", "ID", "print what a container uses, and when it runs out of memory", events_options, 1, 1, OptionsEnd::nowhere, Names::running_containers, events, failed, owner},
        {"checkpoint", "ID", "write a container's processes to files, with criu", checkpoint_options, 1, 1, OptionsEnd::nowhere, Names::running_containers, checkpoint, failed, owner},
        {"restore", "ID", "make a container again from such files", restore_options, 1, 1, OptionsEnd::nowhere, Names::nothing, restore, failed, owner},
        {"spec", "", "write an example config.json", spec_options, 0, 0, OptionsEnd::nowhere, Names::nothing, spec, failed, owner},
        {"features", "", "print what this runtime can do as JSON", {}, 0, 0, OptionsEnd::nowhere, Names::nothing, features, failed, owner},
    };
    return commands;
}

std::string help_of(Command const& command) {
    auto text = fmt::format("Usage: bolt-oci {}{}{}{}\n\n{}\n", command.name, command.options.empty() ? "" : " [OPTIONS]", command.arguments.empty() ? "" : " ",
                            command.arguments, command.summary);
    text += "\nOptions:\n";
    for (auto const& option : command.options) text += shown(option);
    return text + shown(help_option);
}

std::string help_of_program() {
    std::string text = "Usage: bolt-oci [OPTIONS] COMMAND [ARG...]\n\nRuns containers from OCI bundles.\n\nCommands:\n";
    for (auto const& command : all_commands()) text += fmt::format("  {:<10} {}\n", command.name, command.summary);
    text += "\nOptions:\n";
    for (auto const& option : options_of_program) text += shown(option);
    return text + shown(help_option);
}

std::string list_of_options() {
    std::string text;
    for (auto const& option : options_of_program) text += fmt::format("\t--{}\n", option.name);
    for (auto const& command : all_commands()) {
        text += fmt::format("{}\t--help\n", command.name);
        for (auto const& option : command.options) text += fmt::format("{}\t--{}\n", command.name, option.name);
    }
    return text;
}

Parsed parse(Command const& command, Words const& words, void* options) {
    auto line = parse_command_line(command, words, options);
    if (line.refusal) return {{}, refuse(*line.refusal)};
    if (line.asks_for_help) {
        return {{}, show(help_of(command))};
    }
    return {std::move(line.words), std::nullopt};
}

namespace {

int perform(Words const& arguments) {
    auto const line = parse_command_line(program, arguments, &globals());
    if (line.refusal) return refuse(*line.refusal);
    if (globals().asks_for_version) {
        return show("bolt-oci version " BOLT_VERSION "\nspec: 1.3.0\n");
    }
    if (line.asks_for_help || line.words.empty() || line.words[0] == "help") {
        return show(help_of_program());
    }
    if (auto const opened = globals().log_path.empty() ? Result<void>() : open_log(globals().log_path); !opened) return complain(opened.error());
    auto root = globals().named_root ? Result<HostPath>(*globals().named_root) : default_root();
    if (!root) return complain(root.error());
    globals().root = std::move(root).value();
    auto const& name = line.words[0];
    if (name == "__options") {
        return show(list_of_options());
    }
    for (auto const& command : all_commands())
        if (command.name == name) return command.perform(command, Words(line.words.begin() + 1, line.words.end()));
    fmt::print(stderr, "bolt-oci: '{}' is not a command; 'bolt-oci --help' lists them\n", name);
    return failed;
}

} // namespace

} // namespace bolt::cli::oci_command

int main(int count, char** arguments) {
    bolt::fill_standard_streams();
    // Only what was there before may be handed on: what is opened from here on leads into the host.
    while (fcntl(3 + bolt::cli::oci_command::globals().inherited, F_GETFD) >= 0) ++bolt::cli::oci_command::globals().inherited;
    bolt::cli::oci_command::globals().arguments = arguments;
    return bolt::cli::oci_command::perform(bolt::cli::Words(arguments + 1, arguments + count));
}
