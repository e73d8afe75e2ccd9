// Which images are mounted to be looked at. A mount is a process that lives in a mount namespace of its own and shows it through
// /proc/PID/root; it ends with the process, and a reboot ends all. RUNTIME/images/HEX says which process that is.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "image/digest.h"
#include "store/layout.h"

namespace bolt::store {

struct ImageMount {
    image::Digest image;          // the image's id
    pid_t holder;
    std::uint64_t start_time;     // as sys/process.h start_time_of
    HostPath path() const;        // /proc/PID/root/image
};

// Only those whose process lives.
Result<std::vector<ImageMount>> list_image_mounts(Layout const& layout);
Result<std::optional<ImageMount>> find_image_mount(Layout const& layout, image::Digest const& image);
// By the holder. Whoever changes these files holds `image_mounts_lock`.
Result<void> record_image_mount(Layout const& layout, ImageMount const& mount);
Result<void> forget_image_mount(Layout const& layout, image::Digest const& image);
HostPath image_mounts_directory(Layout const& layout);
HostPath image_mounts_lock(Layout const& layout);
HostPath image_mount_record(Layout const& layout, image::Digest const& image);

} // namespace bolt::store
