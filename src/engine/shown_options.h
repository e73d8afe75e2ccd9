// What `inspect` shows of how a container was asked for: docker's HostConfig and Config, kept in the record.
#pragma once

#include "base/json.h"
#include "engine/container_spec.h"
#include "engine/options.h"
#include "spec/image.h"

namespace bolt::engine {

// {"HostConfig": …, "Config": …}
Json shown_options(ContainerOptions const& options, spec::ImageConfig const& image, SpecPlan const& plan);

} // namespace bolt::engine
