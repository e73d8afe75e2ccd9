// runtime.md's lifecycle as pid 1 sees it.
#include "oci/init.h"

#include <algorithm>
#include <csignal>

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/text.h"
#include "oci/command.h"
#include "oci/hooks.h"
#include "oci/messages.h"
#include "oci/mount_steps.h"
#include "oci/rootfs.h"
#include "oci/sources.h"
#include "sys/credentials.h"
#include "sys/file.h"
#include "sys/namespaces.h"
#include "sys/network_namespace.h"
#include "sys/process.h"
#include "sys/unix_socket.h"

namespace bolt::oci {

namespace {

Result<void> join_namespaces(InitPlan const& plan, Procfs const& proc) {
    for (auto const& join : plan.joined) TRY(join_namespace(join.name_space, join.flag).while_doing("linux.namespaces: '{}'", join.path));
    if (auto const others = plan.namespaces.made_by_init & ~namespace_flag::time; others != 0) TRY(make_own_namespaces(others).while_doing("linux.namespaces"));
    if (plan.namespaces.makes(namespace_flag::time)) TRY(enter_new_time_namespace(plan.namespaces.clocks, proc).while_doing("linux.timeOffsets"));
    if (plan.namespaces.makes(namespace_flag::network)) TRY(bring_loopback_up());
    return {};
}

// Names and sysctls are the namespaces' own: written through the host's procfs, which shows those of whoever looks.
Result<void> set_names_and_sysctls(spec::Runtime const& spec, Procfs const& proc) {
    if (!spec.hostname.empty()) TRY(set_host_name(spec.hostname));
    if (!spec.domainname.empty()) TRY(set_domain_name(spec.domainname));
    for (auto const& [name, value] : spec.linux_.sysctl) {
        std::string path = name;
        if (path.find('/') == path.npos) std::replace(path.begin(), path.end(), '.', '/');
        TRY(proc.write("sys/" + path, value).while_doing("linux.sysctl: '{}'", name));
    }
    return {};
}

// What is made meanwhile has the modes that it is made with, whatever the caller's umask.
class NoUmask {
public:
    NoUmask() : callers_(umask(0)) {}
    NoUmask(NoUmask const&) = delete;
    NoUmask& operator=(NoUmask const&) = delete;
    ~NoUmask() { umask(callers_); }

private:
    mode_t callers_;
};

// Situation:    pid 1; all namespaces joined or new; still the host's root directory.
// Must:         leave every mount under the root handle.
// Must not yet: drop capabilities (mounting needs them) or enter the root (hooks come first).
Result<Root> set_up_mounts(InitPlan const& plan, Sources const& sources, Channel const& channel) {
    NoUmask const open;
    auto root = TRY(attach_rootfs(*plan.request, sources));
    // Masks and read-only paths come last in the plan: sysctls are written before /proc/sys becomes read-only.
    std::vector<std::string> warnings;
    TRY(perform(plan.mounts, root, sources, warnings));
    TRY(finish_mounting());
    for (auto const& warning : warnings) TRY(channel.send(fmt::format("{}{}", word_warning, warning)));
    return root;
}

// runtime.md, state: "For hooks executed in the container namespace, it is the pid as seen by the container."
std::string hook_state(InitPlan const& plan, std::string_view status) {
    auto const& request = *plan.request;
    return state_document(*request.spec, request.id, status, getpid(), request.bundle).dump();
}

// Where the other hooks of the host's side run. The root of a user namespace may not reach what its maker does.
std::optional<HostPath> reachable_bundle(CreateRequest const& request) {
    return access(request.bundle.c_str(), X_OK) == 0 ? std::optional(request.bundle) : std::nullopt;
}

Result<void> run_runtime_hooks(InitPlan const& plan, Channel const& channel) {
    auto const& hooks = plan.request->spec->hooks;
    if (hooks.prestart.empty() && hooks.create_runtime.empty()) return {};
    TRY(channel.send(word_runtime_hooks));
    return await_word(channel, word_go);
}

// The specification asks for the working directory only that it is there; runc makes a missing one, and images rely on it.
Result<void> make_working_directory(Root const& root, std::string const& path) {
    NoUmask const open;
    auto const made = root.make_directories(TRY(RootPath::parse_clamped(path)), 0755);
    if (!made && !made.error().is(EROFS)) return Error::of(ENOTDIR, "process.cwd: {}", made.error().text());
    return {};
}

// Looked at before it is opened: it may be anything that the image brought, a device whose opening has effects, or a fifo.
Result<UniqueFd> open_multiplexer(Root const& root, Procfs const& proc) {
    auto found = root.open_path(TRY(RootPath::parse("dev/pts/ptmx")), O_PATH | O_NOFOLLOW);
    if (!found && found.error().is(ENOENT)) found = open_file(TRY(HostPath::parse("/dev/ptmx")), O_PATH);
    auto const held = TRY(std::move(found));
    auto const status = TRY(stat_fd(held));
    if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(5, 2)) return Error::of(ENODEV, "'/dev/pts/ptmx' is not a terminal multiplexer; mount a devpts on /dev/pts");
    auto opened = proc.reopen(held, O_RDWR | O_NOCTTY);
    return opened ? std::move(opened) : Error::from_code(opened.error().code(), "open '/dev/pts/ptmx', which must be a mounted devpts's");
}

} // namespace

Result<UniqueFd> open_terminal(Root const& root, Procfs const& proc, spec::Process const& process, bool binds_console) {
    auto master = TRY(open_multiplexer(root, proc).while_doing("open a terminal"));
    int const unlocked = 0;
    if (ioctl(master.number(), TIOCSPTLCK, &unlocked) < 0) return Error::from_errno("unlock the terminal");
    // The other end by descriptor: its name could be something else inside the container (Linux 4.13).
    UniqueFd const other(ioctl(master.number(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!other.is_open()) return Error::from_errno("open the terminal's other end");
    if (process.console_size) {
        winsize const size{process.console_size->height, process.console_size->width, 0, 0};
        if (ioctl(other.number(), TIOCSWINSZ, &size) < 0) return Error::from_errno("process.consoleSize");
    }
    if (process.user.uid != 0 && fchown(other.number(), process.user.uid, static_cast<gid_t>(-1)) < 0) return Error::from_errno("give the terminal to user {}", process.user.uid);
    if (binds_console) TRY(bind_console(root, other));
    for (int number = 0; number < 3; ++number) TRY(duplicate_onto(other, number));
    if (ioctl(0, TIOCSCTTY, 0) < 0) return Error::from_errno("take the terminal as the controlling one");
    return master;
}

Result<void> lay_out_descriptors(FdRef input, FdRef output, FdRef error, int preserved) {
    // Copies above every target first, so that no target is overwritten before it is used.
    UniqueFd copies[3];
    FdRef const streams[] = {input, output, error};
    for (int number = 0; number < 3; ++number) {
        copies[number] = UniqueFd(fcntl(streams[number].number(), F_DUPFD_CLOEXEC, 3 + preserved));
        if (!copies[number].is_open()) return Error::from_code(errno == EINVAL ? EMFILE : errno, fmt::format("duplicate standard stream {}", number)); // EINVAL: beyond RLIMIT_NOFILE
    }
    for (int number = 0; number < 3; ++number) TRY(duplicate_onto(copies[number], number));
    for (int number = 3; number < 3 + preserved; ++number) TRY(set_on_exec(FdRef(number), OnExec::inherit).while_doing("--preserve-fds"));
    return {};
}

void give_streams_to(uid_t uid) {
    for (int number = 0; number < 3; ++number) {
        struct stat status {};
        if (fstat(number, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) && status.st_uid != uid)
            (void)!fchown(number, uid, static_cast<gid_t>(-1)); // ignoring: only a convenience, and not allowed for foreign pipes
    }
}

void reopen_null_streams(Procfs const& proc) {
    auto const is_null = [](FdRef fd) {
        struct stat status {};
        return fstat(fd.number(), &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
    };
    for (int number = 0; number < 3; ++number) {
        if (!is_null(FdRef(number))) continue;
        // Looked at before it is opened: it may be anything.
        UniqueFd const found(open("/dev/null", O_PATH | O_CLOEXEC | O_NOFOLLOW));
        if (!found.is_open() || !is_null(found)) continue;
        auto const own = proc.reopen(found, fcntl(number, F_GETFL) & O_ACCMODE);
        if (own) (void)duplicate_onto(own.value(), number).ok(); // ignoring: the host's serves as well
    }
}

namespace {

Result<void> set_up_streams(CreateRequest const& request, Root const& root, Procfs const& proc, Channel const& channel) {
    auto const& process = *request.spec->process;
    if (!process.terminal) {
        TRY(lay_out_descriptors(request.input, request.output, request.error, request.preserved_descriptors));
        if (process.user.uid != 0) give_streams_to(process.user.uid);
        return {};
    }
    auto const master = TRY(open_terminal(root, proc, process, request.spec->linux_.makes(spec::NamespaceType::mount)));
    int const sent[] = {master.number()};
    TRY(channel.send(word_console, sent));
    return lay_out_descriptors(FdRef(0), FdRef(1), FdRef(2), request.preserved_descriptors);
}

// A mount namespace that others are in keeps its root.
Result<void> enter(Root const& root, CreateRequest const& request) {
    bool const may_pivot = request.root_entry == RootEntry::pivot && request.spec->linux_.makes(spec::NamespaceType::mount);
    return may_pivot ? enter_root_for_good(root.top()) : enter_root_by_chroot(root.top());
}

// Its limits, priorities, capabilities and user: what takes the privilege away that everything before needed.
Result<void> become_the_process(InitPlan const& plan, Procfs const& proc) {
    if (!plan.limited_from_outside) {
        TRY(set_limits_and_score(plan.identity, proc));
        TRY(set_priorities_of(0, plan.identity));
    }
    TRY(set_not_dumpable()); // a user's own as well, from here on
    TRY(assume_identity(plan.identity, proc));
    // Changing credentials cleared it.
    if (plan.request->dies_with_parent) TRY(set_parent_death_signal(SIGKILL));
    return {};
}

// Everything up to the wait for the start.
Result<void> set_up(InitPlan const& plan, Procfs const& proc, Channel const& channel) {
    auto const& request = *plan.request;
    auto const& spec = *request.spec;
    auto const& process = *spec.process;
    // What this process's own kernel state is, before anything that could be traced or killed by others.
    if (request.dies_with_parent) TRY(set_parent_death_signal(SIGKILL));
    // Who is in the container already, or comes before the exec, could reach the host's files through this process (CVE-2016-9962).
    if (!plan.has_user_namespace) TRY(set_not_dumpable());
    TRY(plan.cgroup_to_enter.enter().while_doing("enter the container's cgroup"));
    if (plan.waits_to_be_placed) TRY(await_word(channel, word_go));
    TRY(join_namespaces(plan, proc));
    // Not before: of a process that is not dumpable its own user may not write /proc/self/timens_offsets.
    if (plan.limited_from_outside) TRY(set_not_dumpable());
    auto sources = plan.has_user_namespace ? Sources::open_all(request, plan.mounts) : Sources();
    sources.lend(plan.mapped_mounts);
    TRY(sources.copy_shared(spec.linux_, plan.mounts));
    if (plan.has_user_namespace) TRY(become_first_user(plan.identity, proc).while_doing("become root of the user namespace"));
    if (setsid() < 0 && errno != EPERM) return Error::from_errno("start a session");
    if (request.keyring == Keyring::new_session) (void)join_session_keyring(fmt::format("_ses.{}", request.id)).ok(); // none left or none allowed, ignoring

    auto root = TRY(set_up_mounts(plan, sources, channel));
    TRY(set_names_and_sysctls(spec, proc));
    TRY(run_runtime_hooks(plan, channel));
    if (!spec.hooks.create_container.empty()) TRY(channel.send(word_container_hooks));
    TRY(run_hooks("createContainer", spec.hooks.create_container, hook_state(plan, "creating"), plan.hook_output, {.directory = reachable_bundle(request), .environment = process.env}));
    TRY(make_working_directory(root, process.cwd));

    TRY(set_up_streams(request, root, proc, channel));
    // Everything of ours is close-on-exec, but a descriptor that the caller leaked would reach the container. The root may have no
    // /proc, which older kernels need for this.
    TRY(close_from(3 + request.preserved_descriptors, RangeAction::mark_close_on_exec));
    TRY(enter(root, request));
    TRY(finish_root(spec));
    reopen_null_streams(proc);
    return become_the_process(plan, proc);
}

Result<Command> find_what_to_run(InitPlan const& plan, Result<void> set_up) {
    if (!set_up) return without_command_codes(std::move(set_up).error());
    return find_command(*plan.request->spec->process);
}

// Situation:    in the container, whose own programs may run before the exec: hooks, and what others execute in it.
// Must:         keep only what is needed until then, since each descriptor of ours leads into the host.
Result<void> let_go_of_host(InitPlan const& plan, Procfs const& proc, Channel const& channel) {
    auto const& hooks = plan.request->spec->hooks;
    bool const is_alone = !plan.start_listener.is_open() && hooks.start_container.empty() && plan.joined.empty() && plan.namespaces.joined_before.empty();
    if (is_alone) return {};
    std::vector<FdRef> kept{channel.fd(), plan.start_listener, plan.hook_output.output, plan.hook_output.error};
    if (plan.identity.supervisor) kept.insert(kept.end(), {proc.fd(), plan.identity.supervisor->connection});
    for (int number = 3; number < 3 + plan.request->preserved_descriptors; ++number) kept.emplace_back(number);
    bool const closed = close_others(kept).ok();
    constexpr int beyond = 1024; // a kernel without close_range(2), and a container without /proc
    for (int number = 3; number < beyond && !closed; ++number)
        if (std::ranges::find(kept, number, &FdRef::number) == kept.end()) close(number);
    // A user without privilege on the host could not find an init that is created only, to execute something in it.
    bool const is_users_own = plan.has_user_namespace && !plan.limited_from_outside && !plan.identity.supervisor;
    return is_users_own ? set_dumpable() : Result<void>();
}

// Situation:    complete but for the process itself.
// Must:         wait, however long; run startContainer hooks; report; exec.
Result<Channel> await_start(InitPlan const& plan, Channel const& channel) {
    if (!plan.start_listener.is_open()) {
        TRY(await_word(channel, word_start));
        return Channel(TRY(duplicate(channel.fd())));
    }
    // The container is on record: before that nobody would ever find it.
    TRY(await_word(channel, word_go));
    for (;;) {
        Channel starter(TRY(accept_one(plan.start_listener)));
        // Somebody who connects and leaves does not start the container.
        if (await_word(starter, word_start)) return starter;
    }
}

} // namespace

int run_init(InitPlan const& plan, Channel const& channel) noexcept {
    // The host's, while it is what /proc is.
    auto const proc = Procfs::open();
    auto const command = find_what_to_run(plan, proc ? set_up(plan, proc.value(), channel) : Result<void>(proc.error()));
    auto const& spec = *plan.request->spec;
    auto const alone = command ? let_go_of_host(plan, proc.value(), channel) : Result<void>(command.error());
    bool const told = send_report(channel, explain_limit(alone, *spec.process)).ok();
    if (!alone || !told) return 1;
    auto starter = await_start(plan, channel);
    if (!starter) return 1; // the runtime is gone: nobody will ever start this
    auto const ready = run_hooks("startContainer", spec.hooks.start_container, hook_state(plan, "created"), plan.hook_output, {.directory = {}, .environment = spec.process->env});
    // The filter may forbid what a report needs, so the report comes first; a failure of the filter is a second one.
    (void)send_report(starter.value(), ready).ok();
    if (!ready) return 1;
    reset_signals();
    auto sealed = seal_identity(plan.identity, proc.value());
    if (sealed && waits_for_supervisor(plan.identity)) starter.value().close();
    Error const failure = sealed ? execute(*spec.process, command.value()) : std::move(sealed).error();
    (void)send_report(starter.value(), failure).ok();
    return failure.is(ENOENT) ? 127 : 126;
}

} // namespace bolt::oci
