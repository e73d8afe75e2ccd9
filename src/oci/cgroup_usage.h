// What a container uses, as its cgroup counts it.
#pragma once

#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "sys/path.h"

namespace bolt::oci {

// The object `data` of runc's event "stats": cpu, cpuset, memory, pids, blkio and hugetlb, from the files of either version of
// cgroups that are there. Times in nanoseconds, sizes in bytes; no limit is 2^64 - 1.
Result<Json> usage_of(std::vector<HostPath> const& directories);

} // namespace bolt::oci
