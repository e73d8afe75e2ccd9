// bolt-oci exec: one process more in a running container.
#include <algorithm>

#include "base/text.h"
#include "cli/oci_commands.h"
#include "cli/oci_foreground.h"
#include "cli/oci_protection.h"
#include "oci/identity.h"
#include "sys/credentials.h"
#include "sys/file.h"
#include "sys/path.h"

namespace bolt::cli::oci_command {

namespace {

struct ExecOptions {
    std::string process_file, console_socket, pid_file, working_directory, user, apparmor, label, pidfd_socket;
    std::vector<std::string> environment, capabilities, groups;
    int preserved = 0;
    std::vector<std::string> cgroups;
    bool terminal = false, detach = false, no_new_privileges = false, ignore_paused = false;
};
Result<std::string> parse_variable(std::string_view text) {
    auto const equals = text.find('=');
    if (equals == 0 || equals == text.npos) return Error::of(EINVAL, "'{}' is not NAME=VALUE", text);
    return std::string(text);
}
using ToExec = Set<ExecOptions>;

constexpr Option options_of_exec[] = {
    {"process", 'p', "file", "the process object of config.json, in place of a command", ToExec::text<&ExecOptions::process_file>, offers_files},
    {"tty", 't', "", "give it a terminal", ToExec::flag<&ExecOptions::terminal>},
    {"detach", 'd', "", "return as soon as it runs", ToExec::flag<&ExecOptions::detach>},
    {"env", 'e', "name=value", "set an environment variable", ToExec::parsed_list<&ExecOptions::environment, parse_variable>},
    {"user", 'u', "uid[:gid]", "run as this user", ToExec::text<&ExecOptions::user>},
    {"additional-gids", 'g', "gid", "a further group", ToExec::list<&ExecOptions::groups>},
    {"cwd", 0, "dir", "working directory inside the container", ToExec::text<&ExecOptions::working_directory>},
    {"cap", 'c', "capability", "add a capability", ToExec::list<&ExecOptions::capabilities>},
    {"no-new-privs", 0, "", "set no_new_privs", ToExec::flag<&ExecOptions::no_new_privileges>},
    {"apparmor", 0, "profile", "AppArmor profile", ToExec::text<&ExecOptions::apparmor>},
    {"process-label", 0, "label", "SELinux label", ToExec::text<&ExecOptions::label>},
    {"console-socket", 0, "path", "unix socket that receives the terminal's master", ToExec::text<&ExecOptions::console_socket>, offers_files},
    {"pid-file", 0, "file", "file to write the process id to", ToExec::text<&ExecOptions::pid_file>, offers_files},
    {"pidfd-socket", 0, "path", "unix socket that receives a pidfd of the process", ToExec::text<&ExecOptions::pidfd_socket>, offers_files},
    {"cgroup", 0, "[controller:]path", "a cgroup below the container's, which exists already", ToExec::list<&ExecOptions::cgroups>},
    {"ignore-paused", 0, "", "also in a paused container, where the process waits for its resume", ToExec::flag<&ExecOptions::ignore_paused>},
    {"preserve-fds", 0, "count", "pass this many further descriptors to the process", ToExec::parsed<&ExecOptions::preserved, parse_descriptor_count>},
};

Result<std::uint32_t> parse_id(std::string_view text) {
    auto const number = TRY(parse_unsigned(text));
    if (number > 0xffff'fffe) return Error::of(ERANGE, "{} is no user or group id", number);
    return static_cast<std::uint32_t>(number);
}

Result<void> set_user(spec::User& user, ExecOptions const& options) {
    if (!options.user.empty()) {
        auto const [uid, gid, with_group] = cut(options.user, ':');
        user.uid = TRY(parse_id(uid).while_doing("--user"));
        if (with_group) user.gid = TRY(parse_id(gid).while_doing("--user"));
        user.additional_gids.clear();
        user.umask.reset();
    }
    for (auto const& gid : options.groups) user.additional_gids.push_back(TRY(parse_id(gid).while_doing("--additional-gids")));
    return {};
}

// The container's own process with what the options change.
Result<spec::Process> process_of(ExecOptions const& options, Words const& words, spec::Process const& containers) {
    if (!options.process_file.empty()) {
        auto const path = TRY(HostPath::absolute(options.process_file));
        return spec::parse_process(TRY(Json::parse(TRY(read_file(path))).while_doing("read '{}'", path))).while_doing("'{}'", path);
    }
    if (words.size() < 2) return Error::of(EINVAL, "exec needs a command, or '--process FILE'");
    auto process = containers;
    process.args.assign(words.begin() + 1, words.end());
    process.terminal = options.terminal;
    process.console_size.reset();
    if (!options.working_directory.empty() && !options.working_directory.starts_with('/')) return Error::of(EINVAL, "--cwd: '{}' is not an absolute path", options.working_directory);
    if (!options.working_directory.empty()) process.cwd = options.working_directory;
    process.env.insert(process.env.end(), options.environment.begin(), options.environment.end());
    TRY(set_user(process.user, options));
    if (!options.capabilities.empty() && !process.capabilities) process.capabilities.emplace();
    for (auto const& capability : options.capabilities) {
        TRY(parse_capability(capability).while_doing("--cap"));
        for (auto* const set : {&process.capabilities->bounding, &process.capabilities->effective, &process.capabilities->permitted}) set->push_back(capability);
    }
    if (options.no_new_privileges) process.no_new_privileges = true;
    if (!options.apparmor.empty()) process.apparmor_profile = options.apparmor;
    if (!options.label.empty()) process.selinux_label = options.label;
    return process;
}

// Only what exec says of the command has the exit codes 126 and 127.
template <typename Value>
Result<Value> no_command_error(Result<Value> result) {
    if (!result) return Error(EIO, result.error().text());
    return result;
}

// runc's form: "PATH" in every tree, "CONTROLLER[,CONTROLLER…]:PATH" in some of version 1's.
Result<std::vector<HostPath>> cgroups_below(std::vector<HostPath> directories, std::vector<std::string> const& wanted) {
    for (auto const& text : wanted) {
        auto const [before, after, found] = cut(text, ':');
        auto const path = TRY(RootPath::parse(found ? after : before).while_doing("--cgroup"));
        auto const trees = found ? split(before, ',') : std::vector<std::string_view>();
        std::size_t count = 0;
        for (auto& directory : directories) {
            auto const below = std::string_view(directory.text()).substr(std::string_view("/sys/fs/cgroup/").size());
            auto const tree = cut(below, '/').before;
            if (found && std::ranges::find(trees, tree) == trees.end()) continue;
            directory = directory / path.text();
            if (!exists(directory)) return Error::of(ENOENT, "--cgroup: there is no cgroup '{}'", directory);
            ++count;
        }
        if (count == 0) return Error::of(ENOENT, "--cgroup: the container has no cgroup for '{}'", text);
    }
    return directories;
}

// Of the container's own its creator has told.
void warn_of_capabilities(spec::Process const& process, spec::Linux const& section) {
    bool const has_user_namespace = std::ranges::any_of(section.namespaces, [](auto const& each) { return each.type == spec::NamespaceType::user; });
    for (auto const& warning : oci::warn_of_capabilities(process, has_user_namespace ? oci::UserNamespaceOf::container : oci::UserNamespaceOf::runtime)) warn(warning);
}

// What the caller was promised.
Result<void> hand_over(ExecOptions const& options, oci::Tenant& tenant) {
    if (!options.pid_file.empty())
        TRY(write_named_file(TRY(HostPath::absolute(options.pid_file)), fmt::format("{}", tenant.process.pid()), 0644).while_doing("--pid-file"));
    if (!options.pidfd_socket.empty()) TRY(send_pidfd(options.pidfd_socket, tenant.process.pidfd()));
    if (!tenant.console.is_open() || options.console_socket.empty()) return {};
    TRY(send_console(options.console_socket, tenant.console));
    tenant.console.close();
    return {};
}

Result<int> perform(ExecOptions const& options, Words const& words) {
    auto const directory = TRY(ContainerDirectory::of(globals().root, words[0]));
    auto const record = TRY(directory.read());
    auto const status = TRY(directory.status_of(record));
    if (status == ContainerStatus::paused && !options.ignore_paused)
        return Error::of(EBUSY, "container '{}' is paused; let it go on first with 'bolt-oci resume {}'", record.id, record.id);
    if (status == ContainerStatus::creating) return Error::of(ESRCH, "container '{}' is still being created", record.id);
    if (status == ContainerStatus::stopped) return Error::of(ESRCH, "container '{}' is not running", record.id);
    auto const spec = TRY(directory.read_config());
    TRY(require_inherited(options.preserved, "--preserve-fds"));
    auto program = TRY(no_command_error(protect_program(spec, ProgramRuns::shorter)));
    auto const process = TRY(no_command_error(process_of(options, words, *spec.process)));
    if (!options.process_file.empty() || !options.capabilities.empty()) warn_of_capabilities(process, spec.linux_);
    if (!process.terminal && !options.console_socket.empty()) return Error::of(EINVAL, "'--console-socket' is for a process with a terminal; add '--tty'");
    if (process.terminal && options.detach && options.console_socket.empty()) return Error::of(EINVAL, "a detached process with a terminal needs '--console-socket'");
    auto signals = TRY(hold_signals());
    auto const cgroup = oci::Cgroup::adopt(TRY(no_command_error(cgroups_below(record.cgroup, options.cgroups))));
    auto scope = record.scope_unit.empty() ? std::nullopt : std::optional(TRY(no_command_error(scope_program())));
    auto tenant = TRY(oci::exec({.id = record.id,
                                 .bundle = record.bundle,
                                 .init_pid = record.pid,
                                 .init_start_time = record.start_time,
                                 .spec = &spec,
                                 .process = &process,
                                 .preserved_descriptors = options.preserved,
                                 .cgroup = &cgroup,
                                 .cgroup_is_exact = !options.cgroups.empty(),
                                 .rdt_directories = record.rdt.entered,
                                 .scope_program = std::move(scope),
                                 .scope_unit = record.scope_unit,
                                 .callers_alone = program}));
    program.close();
    TRY(no_command_error(hand_over(options, tenant)));
    if (options.detach) {
        tenant.process.release();
        return 0;
    }
    return TRY(attend(tenant.process, std::move(tenant.console), signals)).shell_code();
}

} // namespace

std::span<Option const> const exec_options = options_of_exec;

int exec(Command const& command, Words const& words) {
    ExecOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const done = perform(options, parsed.words);
    return done ? done.value() : complain(done.error(), exit_code_of(done.error(), exec_failed));
}

} // namespace bolt::cli::oci_command
