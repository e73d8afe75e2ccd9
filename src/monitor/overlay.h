// A container's root made of layers, mounted by the monitor for runtimes that want a ready directory.
#pragma once

#include "base/result.h"
#include "oci/container.h"
#include "sys/path.h"

namespace bolt::monitor {

// The mount namespace of the calling process.
enum class NamespaceState { shared, own };

class MountedOverlay {
public:
    // In a mount namespace of the calling process's own, which is made when it is still shared: the mount is nobody else's, and
    // ends with the process whatever happens. The target directory is made.
    static Result<MountedOverlay> mount(oci::OverlayRoot const& layers, HostPath target, NamespaceState& entered);
    Result<void> unmount();

private:
    explicit MountedOverlay(HostPath target) : target_(std::move(target)) {}
    HostPath target_;
};

} // namespace bolt::monitor
