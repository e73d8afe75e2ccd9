// The steps of a mount plan, performed inside the container's new mount namespace.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/mount_plan.h"
#include "oci/sources.h"
#include "sys/root.h"

namespace bolt::oci {

// Mounts, devices, links and masks, one after the other. Targets are made when they are missing.
// What is given otherwise than it was asked for is said in `warnings`.
Result<void> perform(std::vector<MountStep> const& steps, Root const& root, Sources const& sources, std::vector<std::string>& warnings);

} // namespace bolt::oci
