// Who the container's process is: limits, user, capabilities, labels, system call filter. Used by init and tenants alike.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "oci/annotations.h"
#include "spec/runtime.h"
#include "sys/fd.h"
#include "sys/procfs.h"
#include "sys/scheduling.h"

namespace bolt::oci {

// Everything parsed and looked up while there is still somebody to tell: what is left for the child cannot fail for its text.
struct Identity {
    spec::Process const* process = nullptr;
    std::string seccomp_program; // "": none
    unsigned seccomp_flags = 0;
    bool keeps_groups = false; // the caller's supplementary groups
    // Who answers SCMP_ACT_NOTIFY: connected already, since its path is the host's.
    struct Supervisor {
        UniqueFd connection;
        Json state; // without the pid, which only the process itself can tell
        std::string metadata;
        bool is_asked_about_execve = false; // and may answer when it likes
    };
    std::optional<Supervisor> supervisor;
    std::optional<SchedulerAttributes> scheduler;
    std::optional<int> io_priority;
    std::optional<unsigned long> personality;
    struct MemoryPolicy {
        int mode = 0;
        std::vector<std::uint64_t> nodes;
    };
    std::optional<MemoryPolicy> memory_policy;
    std::vector<std::uint64_t> initial_cpus, final_cpus; // process.execCPUAffinity, for tenants; empty: left alone
};
struct IdentityRequest {
    spec::Process const& process;
    spec::Linux const& section;                      // the container's
    Annotations const& annotations;                  // the same
    std::optional<std::string> const& ready_program; // in place of linux.seccomp's rules
    std::function<Json()> state;                     // for the supervisor, when a rule of linux.seccomp asks one
};
Result<Identity> plan_identity(IdentityRequest const& request);

// A failure for want of descriptors, when the process's own limit is the reason: then it says so.
Result<void> explain_limit(Result<void> outcome, spec::Process const& process);

enum class UserNamespaceOf { runtime, container }; // whose capabilities they are
// Capabilities that are asked for and that the caller does not have to give: one sentence each.
std::vector<std::string> warn_of_capabilities(spec::Process const& process, UserNamespaceOf whose);

// Situation:    in the container's user namespace, as the host's user: no id of its own, but every capability.
// Must:         become somebody whom the namespace maps, as who else makes files in what is mounted there? Its root, or where it
//               maps no id 0 the first user and group that it does map. `proc` is the host's.
Result<void> become_first_user(Identity const& identity, Procfs const& proc);

// Situation:    in all namespaces and in the container's root, with every privilege that the user namespace gives.
// Must:         set labels, user, groups, capabilities; load the filter now when no_new_privs does not allow it later.
// Must not yet: exec; startContainer hooks come first, and run as what this leaves.
// What needs the host's privileges comes first, while they are there; `proc` is the host's.
Result<void> set_limits_and_score(Identity const& identity, Procfs const& proc);
// The same for another process, whose user namespace does not have them.
Result<void> set_limits_and_score_of(pid_t pid, Identity const& identity, Procfs const& proc);
// Scheduler and I/O priority; 0 is the calling process. Not before a clone, which some policies forbid or undo.
Result<void> set_priorities_of(pid_t pid, Identity const& identity);
Result<void> assume_identity(Identity const& identity, Procfs const& proc);
// Whether the execve waits for somebody's answer, so that nobody is to wait for the execve.
bool waits_for_supervisor(Identity const& identity);
// The last step before exec.
Result<void> seal_identity(Identity const& identity, Procfs const& proc);

} // namespace bolt::oci
