// A container's life, runtime.md's operations as calls, in the calling process: create, start, exec, and what undoes them.
// bolt-oci calls them once a process, the monitor for as long as it lives. The caller has no threads.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "oci/cgroups.h"
#include "oci/resctrl.h"
#include "spec/runtime.h"
#include "sys/channel.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/process.h"

namespace bolt::oci {

// The root file system as overlay layers, mounted inside the container's own mount namespace: no mount is left outside.
struct OverlayRoot {
    std::vector<HostPath> lowers;   // topmost first
    HostPath upper, work;
    bool is_volatile = false;       // the upper layer need not survive a crash: unmounting costs nothing
    bool in_user_namespace = false; // overlay's own marks are user.* attributes (userxattr)
};

enum class Keyring { new_session, inherited };
enum class RootEntry {
    pivot,
    chroot, // for a host in its initramfs: the old root stays below
};

struct Created;

struct CreateRequest {
    std::string id;
    spec::Runtime const* spec = nullptr;        // must outlive the container's objects
    HostPath bundle;                            // relative root.path and bind sources are taken from here
    std::optional<OverlayRoot> overlay;         // in place of spec.root.path
    FdRef input{0}, output{1}, error{2};        // the process's streams, without a terminal
    int preserved_descriptors = 0;              // 3 … 2 + this go to the process
    std::optional<std::string> seccomp_program; // ready BPF (struct sock_filter); absent: compiled from linux.seccomp
    std::optional<HostPath> start_socket;       // where `start` connects when it is another process; absent: Created::start
    bool dies_with_parent = false;              // SIGKILL for init when the caller dies; not for bolt-oci's create
    // Called while init sets itself up, with its pid and cgroup: what needs nothing else from it costs no time here.
    std::function<Result<void>(Created const&)> meanwhile;
    // The caller does nothing between create and start: init may be told to start before it is ready, and need not wait for us.
    bool starts_at_once = false;
    CgroupUse cgroup_use = CgroupUse::when_possible;
    std::optional<HostPath> scope_program;      // bolt-scope: the cgroup is a scope that systemd makes
    FdRef callers_alone{-1};                    // a descriptor that init closes first
    Keyring keyring = Keyring::new_session;
    RootEntry root_entry = RootEntry::pivot;
};

// A container in the state `created`: init waits for the start.
struct Created {
    Process init;      // our child; killed and reaped when this goes out of scope, unless released
    UniqueFd console;  // the terminal's master, with process.terminal
    Channel start;     // to init; not open when there is a start socket
    bool is_told_to_start = false;
    bool hooks_have_begun = false; // of the creation
    Cgroup cgroup;
    std::string cgroups_path; // as CgroupRequest has it
    std::string scope_unit;   // systemd's name of the cgroup, with a scope program
    RdtClass rdt;             // of linux.intelRdt
    std::vector<std::string> warnings; // what the specification wants said though it is no failure
};
// runtime.md, create: everything up to the process itself. EINVAL and ENOTSUP name the field of config.json; nothing is left
// when something fails. ENOENT and EACCES mean that the command does not exist or cannot be executed, and nothing else has
// these two codes.
Result<Created> create(CreateRequest const& request);

// With a start_socket: init waits for somebody else from here on; until here it ends with its creator.
void leave_to_others(Created& container);
// runtime.md, start: startContainer hooks, exec, poststart hooks. Returns after exec succeeded, or with init's error. ENOENT
// and EACCES as for create; callers exit 127 and 126.
Result<void> start(Created& container, CreateRequest const& request);
// The same from another process, without the poststart hooks. ECONNREFUSED when nobody waits for it there.
Result<void> start_over_socket(HostPath const& socket);
// The hooks of the other half of start: the first that fails is the caller's reason to end the container.
Result<void> run_poststart_hooks(spec::Runtime const& spec, std::string_view id, pid_t pid, HostPath const& bundle);
// Those of delete. Every one runs; what they complain of is told and changes nothing.
ErrorList run_poststop_hooks(spec::Runtime const& spec, std::string_view id, HostPath const& bundle);

// runtime.md, delete: kills and reaps what is left, removes the cgroup, runs the poststop hooks. Goes on after a failure.
ErrorList remove(Created& container, CreateRequest const& request);

// One process more inside a running container.
struct TenantRequest {
    std::string id;                             // the container's
    HostPath bundle;
    pid_t init_pid = 0;
    std::uint64_t init_start_time = 0;          // 0: the caller's own child, whose pid is nobody else's
    spec::Runtime const* spec = nullptr;        // the container's
    spec::Process const* process = nullptr;     // what to run
    FdRef input{0}, output{1}, error{2};
    int preserved_descriptors = 0;
    std::optional<std::string> seccomp_program;
    Cgroup const* cgroup = nullptr;             // to be a member of
    bool cgroup_is_exact = false;               // there and nowhere beside it
    std::vector<HostPath> rdt_directories;      // RdtClass::entered of the container
    std::optional<HostPath> scope_program;      // with the container's scope_unit, when systemd made the cgroup
    std::string scope_unit;
    FdRef callers_alone{-1};                    // a descriptor that the process closes first
};
struct Tenant {
    Process process; // our child
    UniqueFd console;
};
// Returns after exec succeeded; error codes as for start. The caller makes no other children afterwards: the kernel may let it not
// come back from the container's pid namespace, in which they would be born.
Result<Tenant> exec(TenantRequest const& request);

// The state document that hooks read and `bolt-oci state` prints (runtime.md, state).
Json state_document(spec::Runtime const& spec, std::string_view id, std::string_view status, pid_t pid, HostPath const& bundle);

} // namespace bolt::oci
