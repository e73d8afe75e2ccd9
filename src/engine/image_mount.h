// An image's files as a directory to look at, without a container. A process that does nothing else holds the mount in a mount
// namespace of its own (an ordinary user may mount nowhere else, mount_namespaces(7)) and keeps the image's layers; others see the
// files through /proc/PID/root. It ends by unmount_image, a kill, or with its record in the runtime directory.
#pragma once

#include <string_view>

#include "base/result.h"
#include "engine/installation.h"
#include "store/image_mounts.h"
#include "store/images.h"

namespace bolt::engine {

// Read-only, without device nodes and set-user-ID programs having any effect. One that is mounted already stays as it is.
Result<store::ImageMount> mount_image(Installation const& here, store::Image const& image);
// Who has a file of it open reads on; nobody finds another. One that ended meanwhile is no error.
Result<void> unmount_image(Installation const& here, store::ImageMount const& mount);

} // namespace bolt::engine
