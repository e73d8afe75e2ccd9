// /etc/hosts, /etc/hostname and /etc/resolv.conf of a container: written into its run directory at every start, since the
// host's nameservers change, and bind-mounted.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/container_spec.h"
#include "net/network.h"
#include "sys/path.h"

namespace bolt::engine {

std::vector<PlannedMount> host_file_mounts(HostPath const& run_directory);
Result<void> write_host_files(HostPath const& run_directory, net::Mode network, std::string_view hostname);

// Makes the directory with them: everything that a monitor finds there.
Result<void> prepare_run_directory(HostPath const& run_directory, Json const& monitor_request);

} // namespace bolt::engine
