// An overlay mounted at a path of the host's tree, in a mount namespace of the process's own: for programs that want a ready
// directory. mount(2), mount_namespaces(7).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt {

// unshare(CLONE_NEWNS). What the host mounts and unmounts goes on to show; what is mounted here is nobody else's and ends with
// the namespace. EPERM without CAP_SYS_ADMIN in the user namespace.
Result<void> enter_own_mount_namespace();

// Topmost layer first. `options` are overlay's own, "userxattr,volatile". The layers are named to the kernel by descriptors, so
// that 200 of them fit into mount(2)'s page of options however long their paths are; E2BIG beyond.
Result<void> mount_layers(std::vector<HostPath> const& lowers, HostPath const& upper, HostPath const& work, std::string_view options, HostPath const& target);
// The layers alone, two at least (EINVAL for one): nobody can change anything there.
Result<void> mount_layers_read_only(std::vector<HostPath> const& lowers, std::string_view options, HostPath const& target);
Result<void> unmount_layers(HostPath const& target);

// What hides a name of the layers below: a character device 0:0. overlayfs.rst of the kernel's documentation.
bool is_whiteout(struct stat const& status);
// Whether a directory hides what lower layers have under its name. Layers made without privilege carry user.*, those of root trusted.*.
bool is_opaque(FdRef directory);
// Whether there is a whiteout of that name in a directory.
bool is_whiteout_at(FdRef directory, std::string const& name);

} // namespace bolt
