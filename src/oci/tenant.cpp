// A process more in a running container: runtime.md has no such operation, every runtime has it as "exec".
#include "oci/container.h"

#include <csignal>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "oci/identity.h"
#include "oci/init.h"
#include "oci/messages.h"
#include "sys/credentials.h"
#include "sys/file.h"
#include "sys/namespaces.h"
#include "sys/root.h"

namespace bolt::oci {

namespace {

// Everything of the container's that a tenant joins, opened before the fork by the pid's own directory: a pid that is reused
// meanwhile has another one.
struct Target {
    UniqueFd pidfd;
    bool own_user_namespace = false;
};

constexpr int all_but_user = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

// Whether a process is in another user namespace than we are. Joining one's own is EINVAL.
Result<bool> in_other_user_namespace(pid_t pid) {
    auto const theirs = TRY(stat_file(TRY(HostPath::parse(fmt::format("/proc/{}/ns/user", pid)))));
    auto const ours = TRY(stat_file(TRY(HostPath::parse("/proc/self/ns/user"))));
    return theirs.st_ino != ours.st_ino;
}

Result<Target> open_target(TenantRequest const& request) {
    Target target;
    target.pidfd = TRY(open_pidfd(request.init_pid));
    target.own_user_namespace = TRY(in_other_user_namespace(request.init_pid));
    return target;
}

// Situation:    forked; all namespaces joined by the parent stage, so this is inside the container, its root included.
// Must:         become the process. Reports on the channel as init does after a start.
int run_tenant(TenantRequest const& request, Identity const& identity, ProcHandle const& proc, bool joined_user_namespace, Channel const& channel) noexcept {
    auto const set_up = [&]() -> Result<void> {
        if (request.dies_with_parent) TRY(set_parent_death_signal(SIGKILL));
        if (joined_user_namespace) TRY(become_user(0, 0, {}).while_doing("become root of the container's user namespace"));
        if (setsid() < 0 && errno != EPERM) return Error::from_errno("start a session");
        if (request.process->terminal) {
            Root const root(TRY(open_file(TRY(HostPath::parse("/")), O_PATH | O_DIRECTORY)));
            auto const master = TRY(open_terminal(root, *request.process, false));
            int const sent[] = {master.number()};
            TRY(channel.send(word_console, sent));
        } else {
            TRY(lay_out_descriptors(request.input, request.output, request.error, request.preserved_descriptors));
        }
        TRY(close_from(3 + request.preserved_descriptors, RangeAction::mark_close_on_exec));
        TRY(assume_identity(identity, proc));
        if (request.dies_with_parent) TRY(set_parent_death_signal(SIGKILL));
        return {};
    };
    auto ready = set_up();
    if (!ready && (ready.error().is(ENOENT) || ready.error().is(EACCES))) ready = Error(EINVAL, ready.error().text());
    if (ready) {
        if (auto const found = find_command(*request.process); !found) ready = found.error();
    }
    (void)send_report(channel, ready).ok();
    if (!ready) return 1;
    for (int number = 1; number < NSIG; ++number)
        if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    auto sealed = seal_identity(identity);
    Error const failure = sealed ? execute(*request.process) : std::move(sealed).error();
    (void)send_report(channel, failure).ok();
    return failure.is(ENOENT) ? 127 : 126;
}

// Situation:    a child of the runtime that exists only to change its namespaces: pid namespaces are entered by children.
// Must:         join everything, clone the tenant as the runtime's own child, tell its pid as the runtime counts.
Result<pid_t> join_and_clone(TenantRequest const& request, Target const& target, std::function<int()> const& body) {
    int const types = all_but_user | (target.own_user_namespace ? CLONE_NEWUSER : 0);
    TRY(join_namespaces_of(target.pidfd, request.init_pid, static_cast<unsigned long>(types)).while_doing("join the container's namespaces"));
    if (request.cgroup && request.cgroup->exists() && request.cgroup->birthplace().is_open()) {
        auto inside = clone_process({.cgroup = request.cgroup->birthplace(), .parent_of_caller = true}, body);
        if (inside) return inside.value().release();
    }
    auto tenant = TRY(clone_process({.parent_of_caller = true}, body));
    return tenant.release();
}

} // namespace

Result<Tenant> exec(TenantRequest const& request) {
    auto const identity = TRY(plan_identity(*request.process, request.spec->linux_.seccomp, request.seccomp_program));
    auto const target = TRY(open_target(request).while_doing("find the container's init"));
    auto const proc = TRY(ProcHandle::open());
    auto [ours, theirs] = TRY(Channel::make_pair());
    auto [stage_ours, stage_theirs] = TRY(Channel::make_pair());
    auto stage = TRY(clone_process({}, [&, &ours = ours, &theirs = theirs, &stage_ours = stage_ours, &stage_theirs = stage_theirs] {
        ours.close();
        stage_ours.close();
        // v1: before the namespaces change, while the host's trees are in sight.
        if (request.cgroup && request.cgroup->exists()) (void)request.cgroup->add(getpid()).ok();
        auto const pid = join_and_clone(request, target, [&] {
            stage_theirs.close();
            // /proc/self of the handle is the runtime's: the tenant's own is in the container's pid namespace, by the container's
            // procfs, which cannot be trusted. What must be written is refused below when it is asked for.
            return run_tenant(request, identity, proc, target.own_user_namespace, theirs);
        });
        auto const told = pid ? stage_theirs.send({reinterpret_cast<char const*>(&pid.value()), sizeof(pid_t)}) : send_report(stage_theirs, pid.error());
        return told ? 0 : 1;
    }));
    theirs.close();
    stage_theirs.close();
    auto const said = TRY(stage_ours.receive());
    if (said && said->bytes.size() == sizeof(Report)) {
        Report report{};
        std::memcpy(&report, said->bytes.data(), sizeof report);
        report.text[sizeof report.text - 1] = '\0';
        return Error(report.code == ENOENT || report.code == EACCES ? EINVAL : report.code, report.text);
    }
    if (!said || said->bytes.size() != sizeof(pid_t)) return Error::of(ECHILD, "the process that joins the container's namespaces {}", TRY(stage.wait()).text());
    pid_t pid = 0;
    std::memcpy(&pid, said->bytes.data(), sizeof pid);
    TRY(stage.wait());
    Tenant tenant{Process(pid, TRY(open_pidfd(pid))), {}};
    if (request.process->terminal) {
        auto message = TRY(ours.receive());
        if (message && message->bytes == word_console && message->descriptors.size() == 1) {
            tenant.console = std::move(message->descriptors.front());
        } else if (message && message->bytes.size() == sizeof(Report)) {
            Report report{};
            std::memcpy(&report, message->bytes.data(), sizeof report);
            report.text[sizeof report.text - 1] = '\0';
            return Error(report.code, report.text);
        } else {
            return Error::of(ECHILD, "the process ended before it had a terminal");
        }
    }
    TRY(await_execution(ours));
    return tenant;
}

} // namespace bolt::oci
