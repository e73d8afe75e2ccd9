// What makes a container: src/oci in this process, or another OCI runtime by its command line. One object a run.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "monitor/request.h"
#include "monitor/streams.h"
#include "monitor/user.h"
#include "sys/process.h"

namespace bolt::monitor {

struct Tenant {
    Process process;
    UniqueFd console; // with a terminal
};

class Runtime {
public:
    virtual ~Runtime() = default;

    // Makes the container up to init waiting for its start. In errors of create, start and exec, ENOENT means that the
    // command does not exist and EACCES that it cannot be executed (docker's 127 and 126); everything else has another code.
    virtual Result<void> create(Request const& request, ContainerEnds const& ends) = 0;
    virtual Result<void> start() = 0;
    // What the create gave otherwise than it was asked for.
    virtual std::vector<std::string> warnings() const { return {}; }
    // The container runs: hand back the memory that only its start needed.
    virtual void settle() {}

    // Our child, ended or not, from create to remove.
    virtual Process& init() = 0;
    // The terminal's master, once; not open without a terminal.
    virtual UniqueFd take_console() = 0;
    // The container's cgroup as a path below a hierarchy's root; "" when it has none of its own.
    virtual std::string cgroup() const = 0;
    // How many processes the kernel killed for the cgroup's memory limit so far; 0 when nobody counts.
    virtual std::uint64_t memory_kills() const = 0;

    // `request` is the container's, read again. The streams are the tenant's own. Called in a copy of the monitor, at the same time
    // as others: what it changes in this object is lost, and of all descriptors only those of `ends` are open.
    virtual Result<Tenant> exec(Request const& container, ExecRequest const& request, ContainerUser const& user, ContainerEnds const& ends) = 0;
    // Whether this ended child is one of the runtime's own beside init; it is reaped then.
    virtual bool reap_own(pid_t) { return false; }
    // SIGKILL to every process of the container.
    virtual void kill_all() = 0;
    // After init has ended, or to undo a create. Goes on after a failure.
    virtual ErrorList remove() = 0;
};

std::unique_ptr<Runtime> make_own_runtime();
std::unique_ptr<Runtime> make_command_runtime(HostPath program);

// docker's exit code of a container or exec that could not be started.
int exit_code_of_failure(Error const& error);

} // namespace bolt::monitor
