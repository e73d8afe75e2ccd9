// Mounts: made detached, configured, then moved onto a descriptor, so that no path is looked at twice. fsopen(2),
// open_tree(2), mount_setattr(2), move_mount(2). Where the kernel has no mount_setattr(2) (before Linux 5.12), mount(2) does the
// same for a process that has cut its mount namespace off from the host's, and ENOSYS is the answer to any other.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt {

enum class Depth { top, recursive }; // one mount, or the whole tree below it

// False before Linux 5.12, and where a seccomp filter forbids the newer calls.
bool can_mount_detached();

// mount_setattr(2): MOUNT_ATTR_… bits to set and to clear, and MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE or 0.
struct MountAttributes {
    std::uint64_t set = 0, clear = 0, propagation = 0;
    bool any() const { return set != 0 || clear != 0 || propagation != 0; }
    // What is said later wins.
    constexpr MountAttributes& operator|=(MountAttributes const& later) {
        set = (set & ~later.clear) | later.set;
        clear = (clear & ~later.set) | later.clear;
        if (later.propagation != 0) propagation = later.propagation;
        return *this;
    }
    bool operator==(MountAttributes const&) const = default;
};

// A file system's own options in order; a flag has no value.
using FilesystemOptions = std::vector<std::pair<std::string, std::string>>;

// A mounted tree that is held by a descriptor.
class Mount {
public:
    // A new file system; `attributes` are MOUNT_ATTR_… bits. EPERM where the namespaces in charge are not ours, ENODEV for an
    // unknown type; the error has the kernel's own words where it says some.
    static Result<Mount> make(std::string const& type, std::string const& source, FilesystemOptions const& options, std::uint64_t attributes = 0);
    // A copy of what is mounted at a path, or at a descriptor: a bind mount. EINVAL for one of another mount namespace.
    static Result<Mount> copy(HostPath const& source, Depth depth);
    static Result<Mount> copy(FdRef source, Depth depth);

    Result<void> set(MountAttributes const& attributes, Depth depth) const;
    // Shows owners through the maps of a user namespace. Before it is attached, and once. EPERM without CAP_SYS_ADMIN over the file
    // system, EINVAL for one that cannot do it (Linux 5.12; overlay 5.19, tmpfs 6.3).
    Result<void> map_ids(FdRef user_namespace, Depth depth) const;
    // Onto what `target` (O_PATH) refers to.
    Result<void> attach(FdRef target) const;
    // Onto a name in a directory; a link is not followed.
    Result<void> attach(FdRef directory, std::string const& name) const;
    // Onto the root directory of the calling process, whose look-ups go on below it: no directory is needed to mount on, and
    // only enter_root_for_good makes it visible.
    Result<void> attach_over_root() const;
    FdRef top() const { return top_; }              // its top directory or file, for look-ups
    UniqueFd take_top() { return std::move(top_); }

private:
    explicit Mount(UniqueFd top) : top_(std::move(top)) {}
    UniqueFd top_;
};

// mount_setattr(2) on what is mounted at a descriptor.
Result<void> set_mount(FdRef mounted, MountAttributes const& attributes, Depth depth);

// The same on the calling process's root directory, which need have no /proc below it: propagation to any depth, attributes of the top alone.
Result<void> set_root_mount(MountAttributes const& attributes, Depth propagation);

// The calling process's mount namespace, which must be its own, from the host's: nothing spreads there from now on. `propagation`:
// MS_SLAVE or MS_PRIVATE. EINVAL where the root directory is no mount point.
Result<void> cut_off_mounts(std::uint64_t propagation);

// When the last mount is attached: where mount(2) had to do, its directory for those that were not yet in place goes.
Result<void> finish_mounting();

// fspick(2): new options for the file system that is mounted at a descriptor, wherever else it may be mounted.
Result<void> reconfigure_filesystem(FdRef mounted, FilesystemOptions const& options);

// pivot_root(2): the directory becomes the calling process's root and working directory, and the old root is gone from the
// mount namespace.
Result<void> enter_root_for_good(FdRef new_root);
// By chroot(2), where the old root cannot be left (an initramfs): it stays below, and a process with CAP_SYS_CHROOT can return to it.
// The new root must be attached over the old one.
Result<void> enter_root_by_chroot(FdRef new_root);

} // namespace bolt
