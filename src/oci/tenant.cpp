// A process more in a running container: runtime.md has no such operation, every runtime has it as "exec".
#include "oci/container.h"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

#include "oci/command.h"
#include "oci/identity.h"
#include "oci/init.h"
#include "oci/messages.h"
#include "oci/namespace_plan.h"
#include "oci/scope.h"
#include "sys/credentials.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "sys/namespaces.h"
#include "sys/process.h"
#include "sys/root.h"

namespace bolt::oci {

namespace {

// The container's init, looked at before the fork. The namespaces are joined through its pidfd, which is not another process's
// when the pid is reused meanwhile; only before Linux 5.8 they are opened by the pid.
struct Target {
    UniqueFd pidfd;
    UniqueFd root; // init's, where the mount namespace is not the container's own and its root not the container's; else not open
    bool own_user_namespace = false;
};

// Whether a process is in another user namespace than we are. Joining one's own is EINVAL.
Result<bool> in_other_user_namespace(pid_t pid) {
    auto const theirs = TRY(stat_file(TRY(HostPath::parse(fmt::format("/proc/{}/ns/user", pid)))));
    auto const ours = TRY(stat_file(TRY(HostPath::parse("/proc/self/ns/user"))));
    return theirs.st_ino != ours.st_ino;
}

Result<Target> open_target(TenantRequest const& request) {
    Target target;
    if (request.init_start_time == 0) {
        target.pidfd = TRY(open_pidfd(request.init_pid));
    } else {
        auto found = TRY(find_process(request.init_pid, request.init_start_time));
        if (!found) return Error::of(ESRCH, "it has ended");
        target.pidfd = std::move(*found);
    }
    target.own_user_namespace = TRY(in_other_user_namespace(request.init_pid));
    if (request.spec->linux_.makes(spec::NamespaceType::mount)) return target;
    target.root = TRY(open_file(TRY(HostPath::parse(fmt::format("/proc/{}/root", request.init_pid))), O_PATH | O_DIRECTORY));
    // It was that process's if that is still there.
    TRY(signal_pidfd(target.pidfd, 0));
    return target;
}

// Situation:    forked; all namespaces joined by the parent stage, so this is inside the container, its root included.
// Must:         become the process. Reports on the channel as init does after a start.
int run_tenant(TenantRequest const& request, Identity const& identity, Procfs const& proc, Target const& target, Channel& channel) noexcept {
    auto const set_up = [&]() -> Result<void> {
        TRY(close_from(3 + request.preserved_descriptors, RangeAction::mark_close_on_exec)); // before the root: see init
        if (target.root.is_open()) TRY(enter_root_by_chroot(target.root));
        if (target.own_user_namespace) TRY(become_first_user(identity, proc).while_doing("become root of the container's user namespace"));
        if (setsid() < 0 && errno != EPERM) return Error::from_errno("start a session");
        if (request.process->terminal) {
            Root const root(TRY(open_file(TRY(HostPath::parse("/")), O_PATH | O_DIRECTORY)));
            auto const master = TRY(open_terminal(root, proc, *request.process, false));
            int const sent[] = {master.number()};
            TRY(channel.send(word_console, sent));
        } else {
            TRY(lay_out_descriptors(request.input, request.output, request.error, request.preserved_descriptors));
            if (request.process->user.uid != 0) give_streams_to(request.process->user.uid);
            reopen_null_streams(proc);
        }
        TRY(assume_identity(identity, proc));
        return {};
    };
    auto const ready = set_up();
    auto const command = ready ? find_command(*request.process) : Result<Command>(without_command_codes(ready.error()));
    (void)send_report(channel, explain_limit(command ? Result<void>() : command.error(), *request.process)).ok();
    if (!command) return 1;
    reset_signals();
    auto sealed = seal_identity(identity, proc);
    if (sealed && waits_for_supervisor(identity)) channel.close();
    Error const failure = sealed ? execute(*request.process, command.value()) : std::move(sealed).error();
    (void)send_report(channel, failure).ok();
    return failure.is(ENOENT) ? 127 : 126;
}

Result<void> enter_cgroup(TenantRequest const& request) {
    if (!request.cgroup || !request.cgroup->exists()) return {};
    if (request.cgroup_is_exact) return request.cgroup->enter();
    auto entered = request.cgroup->enter_beside(request.init_pid);
    if (entered || !entered.error().is(EACCES) || !request.scope_program) return entered;
    auto const manager = TRY(own_systemd());
    return attach_to_scope({*request.scope_program, manager, request.scope_unit}, request.cgroup->directories().front().text(), getpid());
}

// Version 2: where a process can be born. To move it there later makes the kernel wait until no process of the host is being forked or
// ended. Not open where it moves: version 1, or when processors are to be chosen before.
UniqueFd birthplace_of(TenantRequest const& request, Identity const& identity) {
    if (!request.cgroup || !request.cgroup->exists() || !identity.initial_cpus.empty() || cgroup_version() != CgroupVersion::v2) return {};
    auto place = open_file(request.cgroup->directories().front(), O_PATH | O_DIRECTORY);
    return place ? std::move(place).value() : UniqueFd();
}

// `body` hears whether it was born in the container's cgroup, which the kernel refuses where moving there, or beside it, may be allowed.
Result<Process> clone_in_cgroup(TenantRequest const& request, Identity const& identity, std::function<int(bool is_inside)> const& body) {
    if (auto const place = birthplace_of(request, identity); place.is_open())
        if (auto made = clone_process({.cgroup = place}, [&] { return body(true); })) return made;
    return clone_process({}, [&] { return body(false); });
}

// What needs the host's privileges or its trees; versions 1 and 2 of cgroups alike.
Result<void> take_resources(TenantRequest const& request, Identity const& identity, Procfs const& proc, bool is_in_cgroup) {
    if (!identity.initial_cpus.empty()) TRY(set_cpu_affinity(identity.initial_cpus).while_doing("process.execCPUAffinity.initial"));
    if (!is_in_cgroup) TRY(enter_cgroup(request).while_doing("enter the container's cgroup"));
    TRY(enter_rdt_class(request.rdt_directories, getpid()).while_doing("linux.intelRdt"));
    if (!identity.final_cpus.empty()) TRY(set_cpu_affinity(identity.final_cpus).while_doing("process.execCPUAffinity.final"));
    return set_limits_and_score(identity, proc);
}

Result<void> join(TenantRequest const& request, Target const& target, unsigned long namespaces) {
    return join_namespaces_of(target.pidfd, request.init_pid, namespaces).while_doing("join the container's namespaces");
}

// Situation:    a child of the runtime that exists only to change its cgroup and namespaces: pid namespaces are entered by
//               children.
// Must:         take what needs the host's privileges, join everything, clone the tenant as the runtime's own child, and tell
//               its pid as the runtime counts.
Result<pid_t> join_and_clone(TenantRequest const& request, Identity const& identity, Target const& target, Procfs const& proc, bool is_in_cgroup,
                             std::function<int()> const& body) {
    TRY(take_resources(request, identity, proc, is_in_cgroup)); // children are born in the cgroup
    // From the moment of joining the container's processes could trace this one, and through it reach the host's files.
    TRY(set_not_dumpable());
    TRY(join(request, target, flags_of(request.spec->linux_) & ~(target.own_user_namespace ? 0UL : namespace_flag::user)));
    auto tenant = TRY(clone_process({.parent_of_caller = true}, body));
    return tenant.release();
}

Result<Process> adopt_tenant(Channel const& stage_says, Process& stage) {
    auto const said = TRY(stage_says.receive());
    if (!said) return Error::of(ECHILD, "the process that joins the container's namespaces {}", TRY(stage.wait()).text());
    pid_t pid = 0;
    if (said->bytes.size() != sizeof pid) {
        auto const failed = read_report(said->bytes);
        return failed ? Error::of(EPROTO, "the process that joins the container's namespaces said something else than a pid") : without_command_codes(failed.error());
    }
    std::memcpy(&pid, said->bytes.data(), sizeof pid);
    auto tenant = TRY(adopt_process(pid));
    TRY(stage.wait());
    return tenant;
}

Result<Process> make_in_two_steps(TenantRequest const& request, Identity const& identity, Target const& target, Procfs const& proc, std::function<int()> const& body) {
    auto [ours, theirs] = TRY(Channel::make_pair());
    auto stage = TRY(clone_in_cgroup(request, identity, [&, &ours = ours, &theirs = theirs](bool is_inside) {
        ours.close();
        auto const pid = join_and_clone(request, identity, target, proc, is_inside, [&] {
            theirs.close();
            return body();
        });
        auto const told = pid ? theirs.send({reinterpret_cast<char const*>(&pid.value()), sizeof(pid_t)}) : send_report(theirs, explain_limit(pid.error(), *request.process));
        return told ? 0 : 1;
    }));
    theirs.close();
    return adopt_tenant(ours, stage);
}

bool may_trace(spec::Process const& process) {
    if (!process.capabilities) return false;
    for (auto const* const set : {&process.capabilities->bounding, &process.capabilities->permitted, &process.capabilities->effective, &process.capabilities->ambient})
        if (std::ranges::find(*set, "CAP_SYS_PTRACE") != set->end()) return true;
    return false;
}

// Who has the privilege in the container's user namespace already needs no process in between. Not where systemd moves processes into
// its scopes, which it does from the host's side only; nor where a process of the container may trace the others: there the tenant
// must have left the host before it can be seen.
bool can_be_made_at_once(TenantRequest const& request, Target const& target) {
    return !target.own_user_namespace && !request.scope_program && !may_trace(*request.process) && !(request.spec->process && may_trace(*request.spec->process));
}

// Situation:    the runtime; it is in the container's pid namespace for its next child alone.
// Must:         not let the container's processes, which have no CAP_SYS_PTRACE, trace the child, from its first moment on.
Result<Process> make_at_once(TenantRequest const& request, Identity const& identity, Target const& target, Procfs const& proc, Channel const& channel, std::function<int()> const& body) {
    auto const flags = flags_of(request.spec->linux_) & ~namespace_flag::user;
    auto const own = TRY(open_file(TRY(HostPath::parse("/proc/self/ns/pid")), O_RDONLY));
    TRY(set_not_dumpable());
    TRY(join(request, target, flags & namespace_flag::pid));
    auto made = clone_in_cgroup(request, identity, [&](bool is_inside) {
        auto joined = take_resources(request, identity, proc, is_inside);
        if (joined) joined = join(request, target, flags & ~namespace_flag::pid);
        if (joined) return body();
        (void)send_report(channel, explain_limit(without_command_codes(joined.error()), *request.process)).ok();
        return 1;
    });
    // A user namespace of our own lets us not come back into the host's; then all our children are the container's.
    if (auto const back = join_namespace(own, namespace_flag::pid); !back && !back.error().is(EPERM)) return back.error();
    return made;
}

Result<UniqueFd> receive_console(Channel const& channel) {
    auto message = TRY(channel.receive());
    if (!message) return Error::of(ECHILD, "the process ended before it had a terminal");
    if (message->bytes == word_console && message->descriptors.size() == 1) return std::move(message->descriptors.front());
    TRY(read_report(message->bytes));
    return Error::of(EPROTO, "the process has no terminal");
}

Result<Identity> plan_tenant(TenantRequest const& request) {
    auto const annotations = TRY(parse_annotations(request.spec->annotations));
    return plan_identity({.process = *request.process,
                          .section = request.spec->linux_,
                          .annotations = annotations,
                          .ready_program = request.seccomp_program,
                          .state = [&] { return state_document(*request.spec, request.id, "running", request.init_pid, request.bundle); }});
}

} // namespace

Result<Tenant> exec(TenantRequest const& request) {
    auto planned = plan_tenant(request);
    if (!planned) return without_command_codes(std::move(planned).error());
    auto const identity = std::move(planned).value();
    auto found = open_target(request);
    if (!found) return without_command_codes(std::move(found).while_doing("find the container's init").error());
    auto const target = std::move(found).value();
    // The host's procfs, held over the joining: what it calls "self" is whoever looks, and the container cannot replace it.
    auto const proc = TRY(Procfs::open());
    auto [ours, theirs] = TRY(Channel::make_pair());
    std::function<int()> const body = [&, &ours = ours, &theirs = theirs] {
        ours.close();
        if (request.callers_alone.is_open()) close(request.callers_alone.number());
        return run_tenant(request, identity, proc, target, theirs);
    };
    auto process = TRY(can_be_made_at_once(request, target) ? make_at_once(request, identity, target, proc, theirs, body)
                                                            : make_in_two_steps(request, identity, target, proc, body));
    theirs.close();
    Tenant tenant{std::move(process), {}};
    TRY(set_priorities_of(tenant.process.pid(), identity));
    if (request.process->terminal) tenant.console = TRY(receive_console(ours));
    TRY(await_execution(ours));
    return tenant;
}

} // namespace bolt::oci
