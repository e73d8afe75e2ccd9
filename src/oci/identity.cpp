#include "oci/identity.h"

#include <algorithm>
#include <climits>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "oci/seccomp.h"
#include "sys/credentials.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/unix_socket.h"

namespace bolt::oci {

namespace {

// Those that nobody knows have been warned of.
CapabilitySet set_of(std::vector<std::string> const& names) {
    CapabilitySet set = 0;
    for (auto const& name : names)
        if (auto const number = parse_capability(name)) set |= CapabilitySet{1} << number.value();
    return set;
}

CapabilitySets sets_of(spec::Capabilities const& names) {
    return {.bounding = set_of(names.bounding),
            .effective = set_of(names.effective),
            .permitted = set_of(names.permitted),
            .inheritable = set_of(names.inheritable),
            .ambient = set_of(names.ambient)};
}

} // namespace

namespace {

// sched(7): which policy takes what.
Result<void> check_scheduler(spec::Scheduler const& scheduler) {
    bool const has_priority = scheduler.policy == "SCHED_FIFO" || scheduler.policy == "SCHED_RR", has_deadline = scheduler.policy == "SCHED_DEADLINE";
    bool const has_nice = scheduler.policy == "SCHED_OTHER" || scheduler.policy == "SCHED_BATCH";
    if (scheduler.nice < -20 || scheduler.nice > 19) return Error::of(ERANGE, "nice: {} is not between -20 and 19", scheduler.nice);
    if (scheduler.nice != 0 && !has_nice) return Error::of(EINVAL, "nice: '{}' has none", scheduler.policy);
    if (has_priority && (scheduler.priority < 1 || scheduler.priority > 99)) return Error::of(ERANGE, "priority: '{}' needs one between 1 and 99, not {}", scheduler.policy, scheduler.priority);
    if (!has_priority && scheduler.priority != 0) return Error::of(EINVAL, "priority: '{}' has none", scheduler.policy);
    if (!has_deadline && (scheduler.runtime != 0 || scheduler.deadline != 0 || scheduler.period != 0)) return Error::of(EINVAL, "runtime, deadline, period: '{}' has none", scheduler.policy);
    if (has_deadline && scheduler.runtime == 0) return Error::of(EINVAL, "runtime: 'SCHED_DEADLINE' needs one");
    return {};
}

Result<SchedulerAttributes> plan_scheduler(spec::Scheduler const& scheduler) {
    SchedulerAttributes attributes;
    attributes.policy = TRY(parse_scheduler_policy(scheduler.policy));
    TRY(check_scheduler(scheduler));
    for (auto const& flag : scheduler.flags) attributes.flags |= TRY(parse_scheduler_flag(flag));
    attributes.nice = scheduler.nice;
    attributes.priority = static_cast<std::uint32_t>(scheduler.priority);
    attributes.runtime = scheduler.runtime;
    attributes.deadline = scheduler.deadline;
    attributes.period = scheduler.period;
    return attributes;
}

bool is_real_time(spec::Scheduler const& scheduler) { return scheduler.policy == "SCHED_FIFO" || scheduler.policy == "SCHED_RR" || scheduler.policy == "SCHED_DEADLINE"; }

Result<unsigned long> plan_personality(spec::Personality const& personality) {
    if (!personality.flags.empty()) return Error::of(EINVAL, "the specification has no flags yet, and there is '{}'", personality.flags.front());
    return parse_personality(personality.domain);
}

Result<Identity::MemoryPolicy> plan_memory_policy(spec::MemoryPolicy const& policy) {
    constexpr unsigned most_nodes = 1024; // MAX_NUMNODES of the largest kernels
    Identity::MemoryPolicy plan;
    plan.mode = TRY(parse_memory_policy(policy.mode, policy.flags));
    plan.nodes = TRY(parse_number_list(policy.nodes, most_nodes).while_doing("nodes"));
    return plan;
}

// config-linux.md, seccomp: a unix stream socket.
Result<Identity::Supervisor> find_supervisor(IdentityRequest const& request) {
    auto const& seccomp = *request.section.seccomp;
    auto const& path = request.annotations.seccomp_receiver.empty() ? seccomp.listener_path : request.annotations.seccomp_receiver;
    if (path.empty()) return Error::of(EINVAL, "it is missing, and an action is SCMP_ACT_NOTIFY: nobody could answer");
    auto connection = TRY(connect_to(TRY(HostPath::parse(path)), UnixSocketKind::stream));
    return Identity::Supervisor{std::move(connection), request.state(), seccomp.listener_metadata, asks_supervisor_about(seccomp, "execve")};
}

Result<void> plan_seccomp(IdentityRequest const& request, Identity& identity) {
    auto const& seccomp = request.section.seccomp;
    auto const& ready = request.ready_program ? request.ready_program : request.annotations.seccomp_program;
    if (ready) identity.seccomp_program = *ready;
    else if (seccomp) identity.seccomp_program = TRY(compile_seccomp(*seccomp, request.annotations.refuses_unknown_calls ? UnknownCalls::refused : UnknownCalls::passed_over));
    if (seccomp && !seccomp->listener_metadata.empty() && seccomp->listener_path.empty() && request.annotations.seccomp_receiver.empty())
        return Error::of(EINVAL, "linux.seccomp.listenerMetadata: there is no listenerPath that it could go to");
    if (seccomp) identity.seccomp_flags = TRY(seccomp_flags(*seccomp));
    if (seccomp && !ready && asks_supervisor(*seccomp)) identity.supervisor = TRY(find_supervisor(request).while_doing("linux.seccomp.listenerPath"));
    return {};
}

// capset(2) would refuse it.
Result<void> check_capabilities(spec::Process const& process) {
    if (!process.capabilities) return {};
    auto const& permitted = process.capabilities->permitted;
    for (auto const& name : process.capabilities->effective)
        if (std::ranges::find(permitted, name) == permitted.end()) return Error::of(EINVAL, "process.capabilities.effective: '{}' is not in permitted", name);
    return {};
}

} // namespace

Result<Identity> plan_identity(IdentityRequest const& request) {
    auto const& process = request.process;
    auto const& section = request.section;
    Identity identity{.process = &process};
    identity.keeps_groups = request.annotations.keeps_groups;
    for (auto const& limit : process.rlimits) {
        TRY(parse_rlimit(limit.type).while_doing("process.rlimits"));
        if (limit.soft > limit.hard) return Error::of(EINVAL, "process.rlimits: {}: soft {} is more than hard {}", limit.type, limit.soft, limit.hard);
    }
    TRY(plan_seccomp(request, identity));
    TRY(check_capabilities(process));
    if (process.scheduler) identity.scheduler = TRY(plan_scheduler(*process.scheduler).while_doing("process.scheduler"));
    if (auto const& wanted = process.io_priority) identity.io_priority = TRY(parse_io_priority(wanted->io_class, wanted->priority).while_doing("process.ioPriority"));
    if (identity.supervisor && identity.scheduler && is_real_time(*process.scheduler))
        return Error::of(ENOTSUP, "process.scheduler: '{}' cannot go with a seccomp action SCMP_ACT_NOTIFY: the listener's hand-over would not be run", process.scheduler->policy);
    constexpr unsigned most_cpus = 8192; // NR_CPUS of the largest kernels
    identity.initial_cpus = TRY(parse_number_list(process.exec_cpu_affinity.initial, most_cpus).while_doing("process.execCPUAffinity.initial"));
    identity.final_cpus = TRY(parse_number_list(process.exec_cpu_affinity.final, most_cpus).while_doing("process.execCPUAffinity.final"));
    if (section.personality) identity.personality = TRY(plan_personality(*section.personality).while_doing("linux.personality"));
    if (section.memory_policy) identity.memory_policy = TRY(plan_memory_policy(*section.memory_policy).while_doing("linux.memoryPolicy"));
    return identity;
}

Result<void> explain_limit(Result<void> outcome, spec::Process const& process) {
    auto const limit = std::ranges::find(process.rlimits, "RLIMIT_NOFILE", &spec::Rlimit::type);
    if (outcome || !outcome.error().is(EMFILE) || limit == process.rlimits.end()) return outcome;
    return Error::of(EINVAL, "process.rlimits: RLIMIT_NOFILE {} leaves too few descriptors for the program to be started ({})", limit->soft, outcome.error().text());
}

std::vector<std::string> warn_of_capabilities(spec::Process const& process, UserNamespaceOf whose) {
    std::vector<std::string> warnings;
    if (!process.capabilities) return warnings;
    auto const& sets = *process.capabilities;
    std::set<std::string_view> unknown;
    for (auto const* const names : {&sets.bounding, &sets.effective, &sets.permitted, &sets.inheritable, &sets.ambient})
        for (auto const& name : *names)
            if (!parse_capability(name) && unknown.insert(name).second) warnings.push_back(fmt::format("process.capabilities: '{}' cannot be granted: it is not a capability", name));
    if (whose == UserNamespaceOf::container) return warnings;
    for (auto const& name : sets.permitted)
        if (auto const number = parse_capability(name); number && own_bounding_set(CapabilitySet{1} << number.value()) == 0)
            warnings.push_back(fmt::format("process.capabilities: {} cannot be granted: this process does not have it", name));
    return warnings;
}

namespace {

// config.md: what cannot be granted is no failure.
Result<CapabilitySets> grantable(CapabilitySets sets) {
    auto const have = TRY(own_capabilities());
    sets.bounding = own_bounding_set(sets.bounding);
    sets.permitted &= have.permitted;
    sets.effective &= sets.permitted;
    sets.inheritable &= have.permitted | have.inheritable;
    sets.ambient &= sets.permitted & sets.inheritable;
    return sets;
}

// Without the module of that name the kernel knows the file, and takes nothing.
Result<void> put_label(Procfs const& proc, std::string_view text, std::string_view field, std::string_view module) {
    auto written = proc.write("self/attr/exec", text);
    if (!written && written.error().is(EINVAL)) return Error::of(ENOTSUP, "{}: this host has no {}, or it does not know the label; leave the field out", field, module);
    return std::move(written).while_doing("{}", field);
}

Result<void> set_labels(spec::Process const& process, Procfs const& proc) {
    if (!process.apparmor_profile.empty()) {
        // Since Linux 5.8 AppArmor has a directory of its own; the file above it belongs to whichever module is first.
        auto const text = "exec " + process.apparmor_profile;
        if (!proc.write("self/attr/apparmor/exec", text)) TRY(put_label(proc, text, "process.apparmorProfile", "AppArmor"));
    }
    return process.selinux_label.empty() ? Result<void>() : put_label(proc, process.selinux_label, "process.selinuxLabel", "SELinux");
}

Result<void> set_score(std::string const& file, spec::Process const& process, Procfs const& proc) {
    if (!process.oom_score_adj) return {};
    auto const wanted = fmt::format("{}", *process.oom_score_adj);
    auto written = proc.write(file, wanted);
    if (written) return {};
    // Lowering needs CAP_SYS_RESOURCE on the host; what is there already needs nothing.
    if (auto const now = proc.read(file); now && trim(now.value()) == wanted) return {};
    return std::move(written).while_doing("process.oomScoreAdj: lowering it to {} needs CAP_SYS_RESOURCE on the host", wanted);
}

// The container's root may enter what its user may not, as runc and its callers have it: an image whose working directory is
// /root runs for any user. A file system that refuses root (NFS) is asked again as the user.
Result<void> enter_working_directory(std::string const& path) {
    if (chdir(path.c_str()) < 0) {
        int const failure = errno;
        return Error::of(failure == ENOENT ? ENOTDIR : failure, "process.cwd: enter '{}': {}", path, strerror(failure));
    }
    // A working directory outside the root would be a door to the host (CVE-2024-21626): it has no path there.
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here) || here[0] != '/') return Error::of(EPERM, "process.cwd: '{}' is not inside the container", path);
    return {};
}

Result<void> become(Identity const& identity, uid_t uid, gid_t gid, std::vector<gid_t> const& groups) {
    return identity.keeps_groups ? become_user_in_own_groups(uid, gid) : become_user(uid, gid, groups);
}

// user_namespaces(7): a line is the first id inside, the first outside and how many.
Result<std::uint32_t> find_first_id(Procfs const& proc, std::string const& map) {
    auto const text = TRY(proc.read(map));
    std::optional<std::uint32_t> first;
    for (auto const line : split(text, '\n'))
        if (auto const id = cut(trim(line), ' ').before; !id.empty()) first = std::min(first.value_or(UINT32_MAX), static_cast<std::uint32_t>(TRY(parse_unsigned(id))));
    return first ? Result<std::uint32_t>(*first) : Error::of(EINVAL, "the user namespace maps no id");
}

Result<void> set_limits(pid_t pid, spec::Process const& process) {
    for (auto const& limit : process.rlimits)
        TRY(set_rlimit_of(pid, TRY(parse_rlimit(limit.type)), limit.soft, limit.hard)
                .while_doing("process.rlimits: {} (raising a hard limit needs CAP_SYS_RESOURCE on the host)", limit.type));
    return {};
}

// config-linux.md, the container process state.
Result<void> load_filter(Identity const& identity, Procfs const& proc) {
    if (!identity.supervisor) return load_seccomp(identity.seccomp_program, identity.seccomp_flags);
    auto const& supervisor = *identity.supervisor;
    auto const pid = TRY(proc.own_pid());
    auto state = supervisor.state;
    if (!state.find("pid")) state.set("pid", pid); // a tenant's is init's
    Json message;
    message.set("ociVersion", *supervisor.state.find("ociVersion")).set("fds", Json::array().push("seccompFd")).set("pid", pid).set_unless_empty("metadata", supervisor.metadata);
    auto const text = message.set("state", std::move(state)).dump();
    return load_seccomp_with_listener(identity.seccomp_program, identity.seccomp_flags, [&](FdRef listener) {
        return send_last(supervisor.connection, text, listener).while_doing("hand the listener to linux.seccomp.listenerPath");
    });
}

} // namespace

Result<void> set_priorities_of(pid_t pid, Identity const& identity) {
    if (identity.scheduler) TRY(set_scheduler_of(pid, *identity.scheduler).while_doing("process.scheduler: '{}'", identity.process->scheduler->policy));
    if (identity.io_priority) TRY(set_io_priority_of(pid, *identity.io_priority).while_doing("process.ioPriority: '{}'", identity.process->io_priority->io_class));
    return {};
}

Result<void> set_limits_and_score(Identity const& identity, Procfs const& proc) {
    TRY(set_score("self/oom_score_adj", *identity.process, proc));
    return set_limits(0, *identity.process);
}

Result<void> set_limits_and_score_of(pid_t pid, Identity const& identity, Procfs const& proc) {
    TRY(set_score(fmt::format("{}/oom_score_adj", pid), *identity.process, proc));
    return set_limits(pid, *identity.process);
}

Result<void> become_first_user(Identity const& identity, Procfs const& proc) {
    auto outcome = become(identity, 0, 0, {});
    if (outcome || !outcome.error().is(EINVAL)) return outcome;
    return become(identity, TRY(find_first_id(proc, "self/uid_map")), TRY(find_first_id(proc, "self/gid_map")), {});
}

Result<void> assume_identity(Identity const& identity, Procfs const& proc) {
    auto const& process = *identity.process;
    auto entered = enter_working_directory(process.cwd);
    if (!entered && !entered.error().is(EACCES)) return entered;
    TRY(set_labels(process, proc));
    if (identity.personality) TRY(set_personality(*identity.personality).while_doing("linux.personality"));
    if (auto const& policy = identity.memory_policy) TRY(set_memory_policy(policy->mode, policy->nodes).while_doing("linux.memoryPolicy"));
    // None are listed: none are given, not those that the runtime has.
    auto const sets = TRY(grantable(sets_of(process.capabilities.value_or(spec::Capabilities{}))));
    TRY(drop_bounding_capabilities_for_good(sets.bounding).while_doing("process.capabilities.bounding"));
    TRY(keep_capabilities_over_user_change());
    if (process.no_new_privileges) TRY(set_no_new_privileges());
    // Without no_new_privs the kernel wants CAP_SYS_ADMIN for a filter: it must be loaded while it is there.
    if (!identity.seccomp_program.empty() && !process.no_new_privileges) TRY(load_filter(identity, proc).while_doing("linux.seccomp"));
    auto const& user = process.user;
    TRY(become(identity, user.uid, user.gid, user.additional_gids).while_doing("process.user"));
    if (user.umask) umask(*user.umask);
    TRY(set_capabilities_for_good(sets).while_doing("process.capabilities"));
    if (!entered) entered = enter_working_directory(process.cwd);
    if (!entered && entered.error().is(EACCES)) return Error::of(ENOTDIR, "{}", entered.error().text()); // EACCES is the command's
    return entered;
}

bool waits_for_supervisor(Identity const& identity) { return identity.supervisor && identity.supervisor->is_asked_about_execve; }

Result<void> seal_identity(Identity const& identity, Procfs const& proc) {
    if (!identity.seccomp_program.empty() && identity.process->no_new_privileges) return load_filter(identity, proc).while_doing("linux.seccomp");
    return {};
}

} // namespace bolt::oci
