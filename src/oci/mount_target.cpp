#include "oci/mount_target.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "sys/file.h"

namespace bolt::oci {

Result<bool> is_same_place(FdRef one, FdRef other) {
    struct statx a {}, b {};
    for (auto const& [fd, status] : {std::pair(one, &a), std::pair(other, &b)})
        if (statx(fd.number(), "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, status) < 0) return Error::from_errno("look at a mount point");
    bool const are_told = (a.stx_mask & b.stx_mask & STATX_MNT_ID) != 0; // Linux 5.8
    return a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor && (!are_told || a.stx_mnt_id == b.stx_mnt_id);
}

Result<UniqueFd> make_target(Root const& root, RootPath const& path, TargetKind kind) {
    auto target = TRY((kind == TargetKind::directory ? root.make_directories(path, 0755) : root.make_file(path, 0644)).while_doing("make the mount point"));
    // By a link of the image's: what is mounted there would be seen by nobody.
    if (TRY(is_same_place(target, root.top()))) return Error::of(EINVAL, "it leads to the root directory, which is what 'root.path' names, and nothing can be mounted in its place");
    return target;
}

// Masks and read-only paths are looked up below /proc and /sys: a link on the way could lead them elsewhere than the mount
// (CVE-2019-19921, CVE-2023-27561).
Result<void> require_no_link(Root const& root, RootPath const& target) {
    std::string path;
    for (auto const& name : target.components()) {
        path += path.empty() ? name : "/" + name;
        auto const there = root.open_path(TRY(RootPath::parse(path)), O_PATH | O_NOFOLLOW);
        if (!there) return there.error().is(ENOENT) ? Result<void>() : there.error();
        if (S_ISLNK(TRY(stat_fd(there.value())).st_mode)) return Error::of(EINVAL, "'/{}' is a link in the image, where an ordinary directory is needed", path);
    }
    return {};
}

namespace {
// Before Linux 5.8 nobody knows.
Result<bool> is_same_mount(FdRef one, FdRef other) {
    struct statx a {}, b {};
    for (auto const& [fd, status] : {std::pair(one, &a), std::pair(other, &b)})
        if (statx(fd.number(), "", AT_EMPTY_PATH, STATX_MNT_ID, status) < 0) return Error::from_errno("look at a mount point");
    return (a.stx_mask & b.stx_mask & STATX_MNT_ID) != 0 && a.stx_mnt_id == b.stx_mnt_id;
}
} // namespace

Result<UniqueFd> make_device_directory(Root const& root, RootPath const& path) {
    auto directory = TRY(root.make_directories(path, 0755));
    if (!TRY(is_same_mount(directory, root.top()))) TRY(require_no_link(root, path));
    return directory;
}

} // namespace bolt::oci
