#include "engine/tree_copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"

namespace bolt::engine {

namespace {

std::string own_link(FdRef fd) { return fmt::format("/proc/self/fd/{}", fd.number()); }

// security.capability above all. Overlay's own marks are not the file's; what a target cannot hold is left out, ignoring.
void copy_extended_attributes(FdRef source, FdRef target) {
    auto const from = own_link(source), to = own_link(target);
    std::string names(4096, '\0');
    auto const length = listxattr(from.c_str(), names.data(), names.size());
    if (length <= 0) return;
    for (auto const name : split(std::string_view(names).substr(0, static_cast<std::size_t>(length)), '\0')) {
        if (name.empty() || name.starts_with("user.overlay.") || name.starts_with("trusted.")) continue;
        std::string value(64 * 1024, '\0');
        auto const size = getxattr(from.c_str(), std::string(name).c_str(), value.data(), value.size());
        if (size >= 0) (void)setxattr(to.c_str(), std::string(name).c_str(), value.data(), static_cast<std::size_t>(size), 0);
    }
}

Result<void> copy_contents(FdRef source, FdRef target) {
    if (ioctl(target.number(), FICLONE, source.number()) == 0) return {}; // shares the blocks where the file system can
    for (;;) {
        auto const copied = sendfile(target.number(), source.number(), nullptr, 1u << 30);
        if (copied == 0) return {};
        if (copied < 0 && errno != EINTR) return Error::from_errno("copy a file's contents");
    }
}

Result<void> set_attributes(struct stat const& status, FdRef target) {
    if (fchown(target.number(), status.st_uid, status.st_gid) < 0) return Error::from_errno("give a file to user {} and group {}", status.st_uid, status.st_gid);
    if (fchmod(target.number(), status.st_mode & 07777) < 0) return Error::from_errno("set a file's mode");
    timespec const times[2] = {status.st_atim, status.st_mtim};
    if (futimens(target.number(), times) < 0) return Error::from_errno("set a file's times");
    return {};
}

Result<void> copy_file(ImageNode const& source, FdRef directory, std::string const& name) {
    auto const from = TRY(open_file(TRY(HostPath::parse(own_link(source.file))), O_RDONLY));
    auto const to = TRY(open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(copy_contents(from, to));
    TRY(set_attributes(source.status, to));
    copy_extended_attributes(from, to); // after the owner: chown(2) takes capabilities away
    return {};
}

Result<void> copy_link(ImageNode const& source, FdRef directory, std::string const& name) {
    std::string text(static_cast<std::size_t>(source.status.st_size) + 1, '\0');
    auto const length = readlinkat(source.file.number(), "", text.data(), text.size());
    if (length < 0) return Error::from_errno("read the link '{}'", name);
    text.resize(static_cast<std::size_t>(length));
    if (symlinkat(text.c_str(), directory.number(), name.c_str()) < 0) return Error::from_errno("make the link '{}'", name);
    if (fchownat(directory.number(), name.c_str(), source.status.st_uid, source.status.st_gid, AT_SYMLINK_NOFOLLOW) < 0) return Error::from_errno("give '{}' its owner", name);
    return {};
}

Result<void> copy_special(ImageNode const& source, FdRef directory, std::string const& name) {
    if (S_ISSOCK(source.status.st_mode)) return {};
    if (mknodat(directory.number(), name.c_str(), source.status.st_mode, source.status.st_rdev) < 0) return Error::from_errno("make the special file '{}'", name);
    if (fchownat(directory.number(), name.c_str(), source.status.st_uid, source.status.st_gid, AT_SYMLINK_NOFOLLOW) < 0) return Error::from_errno("give '{}' its owner", name);
    return {};
}

Result<void> copy_entry(ImageNode const& source, FdRef directory, std::string const& name) {
    if (source.is_directory()) {
        if (mkdirat(directory.number(), name.c_str(), 0700) < 0) return Error::from_errno("make directory '{}'", name);
        auto const made = TRY(open_at(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        return copy_tree(source, made);
    }
    if (S_ISREG(source.status.st_mode)) return copy_file(source, directory, name);
    if (S_ISLNK(source.status.st_mode)) return copy_link(source, directory, name);
    return copy_special(source, directory, name);
}

} // namespace

Result<void> copy_tree(ImageNode const& source, FdRef target) {
    for (auto const& name : TRY(ImageTree::list(source)))
        if (auto const child = TRY(ImageTree::find_child(source, name))) TRY(copy_entry(*child, target, name).while_doing("copy '{}'", name));
    return copy_attributes(source, target);
}

Result<void> copy_attributes(ImageNode const& source, FdRef target) {
    // Asked again: the node may have been found in another user namespace, where the same owner has another number.
    TRY(set_attributes(TRY(stat_fd(source.directories.front())), target));
    copy_extended_attributes(source.directories.front(), target);
    return {};
}

} // namespace bolt::engine
