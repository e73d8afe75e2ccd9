// A container between its create and its start, on disk and in this process: create, run and restore.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/oci_container.h"
#include "oci/container.h"

namespace bolt::cli::oci_command {

struct CreateOptions {
    std::string bundle = ".", config = "config.json", console_socket, pidfd_socket, pid_file;
    int preserved = 0;
    bool no_pivot = false, no_new_keyring = false, no_subreaper = false, detach = false, keep = false;
};

struct Making {
    ContainerDirectory directory;
    LoadedBundle loaded;
    oci::CreateRequest request; // its `spec` is the caller's to set, when this is where it stays
    oci::Created created;
    bool is_created = false;       // else the creation has taken back what it made
    std::string pidfd_socket = {}; // where a pidfd of init goes
    UniqueFd program = {};         // of protect_program, until init is there
    std::optional<FileLock> lock = {}; // of the directory, until others may change what is in it
    pid_t pid = 0;                     // as it is written down
    std::uint64_t start_time = 0;
};

enum class StartedBy { this_process, another };

// The bundle is read and checked, and the container's directory is made.
Result<Making> prepare(std::string const& id, CreateOptions const& options, StartedBy starter);
// An engine that names the cgroup wants to read from it what is used.
oci::CgroupUse cgroup_use_for(spec::Runtime const& spec);
// What the next command needs to find the container.
Result<void> write_down(Making& making, oci::Created const& created);
// From here on it is there for others.
Result<void> finish_creation(Making& making);
// Takes back a container that did not come to life, or whose life is over. What cannot be taken back is told. One that somebody has
// deleted meanwhile is gone already, and what has its id then is another.
void unmake(Making& making);
// Failures that change nothing.
void tell(ErrorList const& errors);
void tell(Result<void> const& done);

} // namespace bolt::cli::oci_command
