// Where a mount of the plan lands: found or made inside the root, whatever the image has there.
#pragma once

#include "base/result.h"
#include "sys/fd.h"
#include "sys/root.h"

namespace bolt::oci {

enum class TargetKind { file, directory };

// The mount point, made with its parents where it is missing. EINVAL where the image leads it to the root directory.
Result<UniqueFd> make_target(Root const& root, RootPath const& path, TargetKind kind);

// Whether two descriptors are of the same file in the same mount (which kernels before Linux 5.8 do not tell).
Result<bool> is_same_place(FdRef one, FdRef other);

// The directory of devices and links, made with its parents where it is missing. EINVAL where the image leads it into something that
// is mounted, which may be the host's.
Result<UniqueFd> make_device_directory(Root const& root, RootPath const& path);

// EINVAL when a component of the path is a symbolic link of the image's.
Result<void> require_no_link(Root const& root, RootPath const& target);

} // namespace bolt::oci
