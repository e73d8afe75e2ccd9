// An image for a container that has ids of its own: overlayfs shows the owners that the layers' files have, so these must be
// the container's. Linux lets only root show a file system with other owners (mount_setattr(2), MOUNT_ATTR_IDMAP), so the image
// is copied once, and the copy kept for the next container with the same ids. Where the file system can share blocks (btrfs,
// xfs), it costs no space.
#pragma once

#include "base/result.h"
#include "engine/container_ids.h"
#include "engine/image_tree.h"
#include "engine/installation.h"
#include "store/images.h"

namespace bolt::engine {

// The copy's directory, which goes with the image's topmost layer. The caller holds the image's layers. EOVERFLOW for a file
// whose owner has no id in the container.
Result<HostPath> ensure_mapped_image(Installation const& here, store::Image const& image, ImageTree const& tree, ContainerIds const& ids);

} // namespace bolt::engine
