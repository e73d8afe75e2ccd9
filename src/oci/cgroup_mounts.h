// The container's view of the cgroup trees: cgroup_namespaces(7).
#pragma once

#include "base/result.h"
#include "oci/mount_plan.h"
#include "sys/root.h"

namespace bolt::oci {

// By the version of the host's trees; nothing where it has none.
Result<void> mount_cgroup(MountCgroup const& step, Root const& root);

} // namespace bolt::oci
