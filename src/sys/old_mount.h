// The work of sys/mount.h by mount(2) alone: before Linux 5.12, and where a seccomp filter knows no newer call. What the newer
// calls make detached is mounted here below a hidden directory of the process's own mount namespace, and moved from there;
// targets and sources are named by descriptor, /proc/self/fd/N, so that no path is looked at twice here either.
#pragma once

#include "sys/mount.h"

namespace bolt::old_mount {

// True where mount_setattr(2) is missing, which came last of the newer calls.
bool is_needed();

// From here on new mounts may be made: the mount namespace is the process's own, and nothing in it spreads to the host.
void allow();

// Takes the hidden directory off, so that who enters the mount namespace does not begin in it; not from below attach_over_root's.
Result<void> finish();
// The same from the old root directory, which has just become the working directory's (pivot_root(2)).
Result<void> finish_in_old_root();

// As Mount::make, without the kernel's own words. EINVAL for a value with a comma; ENOSYS before allow().
Result<UniqueFd> make(std::string const& type, std::string const& source, FilesystemOptions const& options, std::uint64_t attributes);
// As Mount::copy. ENOSYS before allow().
Result<UniqueFd> copy(FdRef source, Depth depth);
// As set_mount, but one mount after another, without those that another covers: an error may leave some changed. ENOTSUP for what the kernel would pass over
// (MOUNT_ATTR_NOSYMFOLLOW before Linux 5.10).
Result<void> set(FdRef mounted, MountAttributes const& attributes, Depth depth);
// As set_root_mount: without /proc. Attributes change of the topmost mount alone.
Result<void> set_root(MountAttributes const& attributes, Depth depth);
Result<void> attach(FdRef mounted, FdRef target);
Result<void> attach_over_root(FdRef mounted);
Result<void> reconfigure(FdRef mounted, FilesystemOptions const& options);

} // namespace bolt::old_mount
