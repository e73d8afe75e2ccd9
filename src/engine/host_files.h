// /etc/hosts, /etc/hostname and /etc/resolv.conf of a container: bind-mounted from its run directory (monitor/host_files.h).
#pragma once

#include <vector>

#include "engine/container_spec.h"
#include "sys/path.h"

namespace bolt::engine {

std::vector<PlannedMount> host_file_mounts(HostPath const& run_directory);

} // namespace bolt::engine
