// The mounts of a new container: what the user asked for and what the image declares, with their sources made ready.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/container_spec.h"
#include "engine/image_tree.h"
#include "engine/installation.h"
#include "engine/unfinished_container.h"

namespace bolt::engine {

struct ContainerMounts {
    std::vector<PlannedMount> planned;
    std::vector<std::string> volumes, anonymous_volumes;
    Json shown; // docker inspect's "Mounts"
};
// Two mounts at one place are EINVAL; a bind source that is not there is EINVAL unless -v makes it. New volumes belong to
// the unfinished container until it is kept.
Result<ContainerMounts> prepare_mounts(Installation const& here, ContainerOptions const& options, spec::ImageConfig const& image, ImageTree const& tree,
                                       std::optional<ContainerIds> const& ids, UnfinishedContainer& container);

} // namespace bolt::engine
