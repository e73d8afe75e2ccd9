// The image a container is made from: in the local store, or brought there by bolt-transfer first.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/installation.h"
#include "engine/options.h"
#include "store/images.h"

namespace bolt::engine {

// ENOENT and EINVAL name the image and the next step; what could not be pulled is told in bolt-transfer's words, whose progress goes
// to the caller's stderr.
Result<store::Image> get_image(Installation const& here, ContainerOptions const& options);

// When an image that was chosen by its name alone is another kind of machine's.
std::vector<std::string> warn_of_platform(store::Image const& image, std::string_view name);

} // namespace bolt::engine
