// What `inspect` shows of how a container was asked for: docker's HostConfig, Config and Mounts, kept in the record.
#pragma once

#include "base/json.h"
#include "engine/container_spec.h"
#include "engine/options.h"
#include "spec/image.h"

namespace bolt::engine {

// {"HostConfig": …, "Config": …, "Mounts": …}
Json shown_options(ContainerOptions const& options, spec::ImageConfig const& image, SpecPlan const& plan, Json mounts);

} // namespace bolt::engine
