// /etc/hosts, /etc/hostname and /etc/resolv.conf of a container: written into its run directory before every first start, since the
// host's nameservers change, and whenever they are missing.
#pragma once

#include "base/result.h"
#include "monitor/request.h"

namespace bolt::monitor {

// Makes the directory with them: everything that a monitor finds there.
Result<void> prepare_run_directory(HostPath const& run_directory, net::Mode network, std::string_view hostname);
Result<void> prepare_run_directory(Request const& request);
// From a request that was not parsed.
Result<void> prepare_run_directory(HostPath const& run_directory, Json const& request);

} // namespace bolt::monitor
