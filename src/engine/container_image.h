// The image a container is made from: in the local store, or brought there by bolt-transfer first.
#pragma once

#include "base/result.h"
#include "engine/installation.h"
#include "engine/options.h"
#include "store/images.h"

namespace bolt::engine {

// ENOENT names the image and the next step; what bolt-transfer could not do it has said itself, on the caller's stderr, before.
Result<store::Image> get_image(Installation const& here, ContainerOptions const& options);

} // namespace bolt::engine
