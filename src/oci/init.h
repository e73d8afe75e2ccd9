// Pid 1 before it becomes the container's process.
#pragma once

#include <optional>

#include "base/result.h"
#include "oci/container.h"
#include "oci/hooks.h"
#include "oci/identity.h"
#include "oci/mount_plan.h"
#include "oci/namespace_plan.h"
#include "oci/sources.h"
#include "sys/channel.h"
#include "sys/fd.h"
#include "sys/procfs.h"
#include "sys/root.h"

namespace bolt::oci {

// All that init needs, decided before it is cloned: it works through it and decides nothing.
struct InitPlan {
    CreateRequest const* request = nullptr;
    std::vector<MountStep> mounts;
    std::vector<MappedMount> mapped_mounts;
    Identity identity;
    NamespacePlan namespaces;
    struct Join {
        UniqueFd name_space;
        unsigned long flag;
        std::string path;
    };
    std::vector<Join> joined;    // namespaces that exist already
    UniqueFd start_listener;     // the start socket
    HookOutput hook_output;      // of hooks that init runs: the files are the host's
    Cgroup cgroup_to_enter; // by init itself, if it exists
    bool waits_to_be_placed = false;
    bool has_user_namespace = false;
    bool limited_from_outside = false; // the runtime has privileges that the new user namespace has not
};

// Runs as the clone's body; returns an exit status only when it failed. The failure has been reported by then.
int run_init(InitPlan const& plan, Channel const& channel) noexcept;

// Makes the terminal of the container's own devpts the process's controlling terminal and standard streams, and returns its
// master. `root` is where dev/pts is looked for; the host's ptmx serves when there is none.
Result<UniqueFd> open_terminal(Root const& root, Procfs const& proc, spec::Process const& process, bool binds_console);
// The standard streams and the preserved descriptors: everything else is closed at exec.
Result<void> lay_out_descriptors(FdRef input, FdRef output, FdRef error, int preserved);
// A process that changes its user must still be able to open /dev/stdout again: pipes and sockets among the standard streams
// become its own. Files keep their owner, and so do foreign pipes.
void give_streams_to(uid_t uid);
// Inside the container's root: standard streams that are the host's null device become the container's own, so that no mount of the
// host's stays in use. Where it has none they are left.
void reopen_null_streams(Procfs const& proc);

} // namespace bolt::oci
