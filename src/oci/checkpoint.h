// Checkpoint and restore by criu(8), which writes a container's processes to files and makes them again. Root only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/container.h"
#include "spec/runtime.h"
#include "sys/path.h"
#include "sys/process.h"

namespace bolt::oci {

// criu(8)'s options by its own names; what is empty or false is not given.
struct CriuOptions {
    HostPath images, work;          // directories; logs go to `work`
    std::string parent;             // of an earlier pre-dump, relative to `images`
    std::string page_server;        // "ADDRESS:PORT"
    std::string manage_cgroups = "soft"; // soft, full, strict, ignore
    std::string config;                  // a file with further options
    std::string lsm_profile, lsm_mount_context;
    std::vector<std::string> empty_namespaces; // "net"
    std::optional<int> status_fd;
    bool leave_running = false, pre_dump = false, tcp_established = false, tcp_skip_in_flight = false, link_remap = false, ext_unix_sk = false, shell_job = false, file_locks = false,
         lazy_pages = false, auto_dedup = false;
};

struct CheckpointRequest {
    spec::Runtime const& spec;
    HostPath bundle;
    pid_t init_pid = 0;
    std::vector<HostPath> cgroup; // the container's
    CriuOptions options;
};
// criu's words for a dump. Pure but for the inodes of joined namespaces and the kinds of masked paths, which it looks at.
Result<std::vector<std::string>> plan_dump(CheckpointRequest const& request);

// ENOENT names the package when there is no criu; EIO has criu's first complaint and its log. With leave_running and pre_dump the
// container goes on, else its processes are gone.
Result<void> checkpoint(CheckpointRequest const& request);

struct RestoreRequest {
    CreateRequest const& create;
    HostPath scratch; // a directory of the container's own
    CriuOptions options;
};
// The container as it was, in the state `running`: init is the calling process's child. Its cgroup is made anew. No hook has run.
Result<Created> restore(RestoreRequest const& request);

} // namespace bolt::oci
