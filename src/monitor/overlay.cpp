#include "monitor/overlay.h"

#include "sys/file.h"
#include "sys/layered_mount.h"

namespace bolt::monitor {

Result<MountedOverlay> MountedOverlay::mount(oci::OverlayRoot const& layers, HostPath target, NamespaceState& entered) {
    if (entered == NamespaceState::shared) TRY(enter_own_mount_namespace());
    entered = NamespaceState::own;
    TRY(make_directories(target, 0755));
    std::string options;
    if (layers.in_user_namespace) options += "userxattr,";
    if (layers.is_volatile) options += "volatile,";
    if (!options.empty()) options.pop_back();
    TRY(mount_layers(layers.lowers, layers.upper, layers.work, options, target));
    return MountedOverlay(std::move(target));
}

Result<void> MountedOverlay::unmount() { return unmount_layers(target_); }

} // namespace bolt::monitor
