// A container's life, runtime.md's operations as calls. Plain functions over the caller's own objects: the monitor calls
// them in its process, bolt-oci wraps a command line and a state file around them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/cgroup.h"
#include "spec/runtime.h"
#include "sys/channel.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/process.h"

namespace bolt::oci {

// The root file system as overlay layers, mounted inside the container's own mount namespace: no mount is left outside.
struct OverlayRoot {
    std::vector<HostPath> lowers;     // topmost first
    HostPath upper, work;
    bool is_volatile = false;         // the upper layer need not survive a crash: unmounting costs nothing
    bool in_user_namespace = false;   // overlay's own marks are user.* attributes (userxattr)
};

enum class RootEntry { pivot_root, move_and_chroot /* --no-pivot, for initramfs: the host's root stays mounted below */ };
enum class Keyring { new_session, inherited };
enum class CgroupUse { cgroupfs, disabled };

struct CreateRequest {
    std::string id;
    spec::Runtime const* spec = nullptr;            // must outlive the container's objects
    HostPath bundle;                                // relative root.path and bind sources are taken from here
    std::optional<OverlayRoot> overlay;             // in place of spec.root.path
    FdRef input{0}, output{1}, error{2};            // when process.terminal is false
    int preserved_descriptors = 0;                  // how many of 3, 4… the process gets
    std::span<unsigned char const> seccomp_program; // ready BPF (struct sock_filter array); empty: compiled from linux.seccomp
    std::optional<HostPath> state_directory;        // bolt-oci: where the socket for a later `start` lives; none in the monitor
    bool dies_with_parent = false;                  // SIGKILL to init when the caller ends; not for bolt-oci's create
    RootEntry root_entry = RootEntry::pivot_root;
    Keyring keyring = Keyring::new_session;
    CgroupUse cgroups = CgroupUse::cgroupfs;
};

// A container in the state `created`: init waits for start.
struct Created {
    Process init;      // our child; killed and reaped when this goes out of scope, unless released
    UniqueFd console;  // the terminal's master when process.terminal
    Channel start;     // to init; not open when state_directory was given
    Cgroup cgroup;     // what was made
    std::vector<std::string> warnings; // what the specification wants said though it is no failure
    spec::Runtime const* spec = nullptr;
    std::string id;
    HostPath bundle;
};

// runtime.md, Create: steps 1 to 4 of the lifecycle. EINVAL and ENOTSUP name the field of config.json. What was made is
// taken back when something fails.
Result<Created> create(CreateRequest const& request);

// runtime.md, Start: startContainer hooks, exec, poststart hooks. Returns after exec succeeded, or with init's error: code
// ENOENT for a command that does not exist, EACCES for one that cannot be executed; callers exit 127 and 126.
Result<void> start(Created& container);

// runtime.md, Delete, after init has ended (SIGKILL reaches whatever is left in the cgroup): cgroup, poststop hooks. Goes on
// after a failure.
ErrorList remove(Created& container);

// One process more inside a running container.
struct TenantRequest {
    FdRef init_pidfd{-1};
    pid_t init_pid = 0;
    spec::Process const* process = nullptr;
    FdRef input{0}, output{1}, error{2};            // when process->terminal is false
    int preserved_descriptors = 0;
    std::span<unsigned char const> seccomp_program; // empty: compiled from the container's linux.seccomp
    Cgroup const* cgroup = nullptr;
    spec::Runtime const* spec = nullptr;            // the container's
    bool dies_with_parent = false;
};
struct Tenant {
    Process process; // our child
    UniqueFd console;
};
// Returns after exec succeeded; error codes as for start.
Result<Tenant> exec(TenantRequest const& request);

} // namespace bolt::oci
