#include "sys/file_copy.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"

namespace bolt {

namespace {

std::string link_of_fd(FdRef fd) { return fmt::format("/proc/self/fd/{}", fd.number()); }

struct Entry {
    std::string name;
    UniqueFd held; // O_PATH, no link followed
    struct stat status;
};

Result<void> set_attributes(struct stat const& status, FdRef target) {
    if (fchown(target.number(), status.st_uid, status.st_gid) < 0) return Error::from_errno("give a copy to user {} and group {}", status.st_uid, status.st_gid);
    if (fchmod(target.number(), status.st_mode & 07777) < 0) return Error::from_errno("set a copy's mode");
    timespec const times[2] = {status.st_atim, status.st_mtim};
    if (futimens(target.number(), times) < 0) return Error::from_errno("set a copy's times");
    return {};
}

Result<void> copy_file(Entry const& entry, FdRef directory) {
    auto const from = TRY(open_again(entry.held, O_RDONLY));
    auto const to = TRY(open_at(directory, entry.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(copy_file_contents(from, to));
    TRY(set_attributes(entry.status, to));
    copy_extended_attributes(from, to);
    return {};
}

Result<void> copy_below(Entry const& entry, FdRef directory) {
    if (mkdirat(directory.number(), entry.name.c_str(), 0700) < 0) return Error::from_errno("make a directory");
    auto const to = TRY(open_at(directory, entry.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(copy_directory(entry.held, to));
    TRY(set_attributes(entry.status, to));
    copy_extended_attributes(entry.held, to);
    return {};
}

Result<void> copy_special(Entry const& entry, FdRef directory) {
    int made = 0;
    if (S_ISLNK(entry.status.st_mode)) made = symlinkat(TRY(read_held_symlink(entry.held, entry.status)).c_str(), directory.number(), entry.name.c_str());
    else made = mknodat(directory.number(), entry.name.c_str(), entry.status.st_mode, entry.status.st_rdev);
    if (made == 0) made = fchownat(directory.number(), entry.name.c_str(), entry.status.st_uid, entry.status.st_gid, AT_SYMLINK_NOFOLLOW);
    return made == 0 ? Result<void>() : Result<void>(Error::from_errno("make a link or special file"));
}

Result<void> copy_entry(Entry const& entry, FdRef directory) {
    if (S_ISDIR(entry.status.st_mode)) return copy_below(entry, directory);
    if (S_ISREG(entry.status.st_mode)) return copy_file(entry, directory);
    return S_ISSOCK(entry.status.st_mode) ? Result<void>() : copy_special(entry, directory);
}

} // namespace

Result<void> copy_file_contents(FdRef source, FdRef target) {
    if (ioctl(target.number(), FICLONE, source.number()) == 0) return {};
    for (;;) {
        auto const copied = sendfile(target.number(), source.number(), nullptr, 1u << 30);
        if (copied == 0) return {};
        if (copied < 0 && errno != EINTR) return Error::from_errno("copy a file's contents");
    }
}

void copy_extended_attributes(FdRef source, FdRef target) {
    auto const from = link_of_fd(source), to = link_of_fd(target);
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

Result<std::string> read_held_symlink(FdRef link, struct stat const& status) {
    std::string text(static_cast<std::size_t>(status.st_size) + 1, '\0');
    auto const length = readlinkat(link.number(), "", text.data(), text.size());
    if (length < 0) return Error::from_errno("read a symbolic link");
    text.resize(static_cast<std::size_t>(length));
    return text;
}

Result<void> copy_directory(FdRef source, FdRef held_target) {
    auto const target = TRY(open_again(held_target, O_RDONLY | O_DIRECTORY));
    auto const own = TRY(stat_fd(source));
    for (auto& name : TRY(list_directory(source))) {
        Entry entry{.name = std::move(name), .held = {}, .status = {}};
        entry.held = TRY(open_at(source, entry.name, O_PATH | O_NOFOLLOW));
        entry.status = TRY(stat_fd(entry.held));
        // What is mounted there is not the directory's. (Overlay's files tell their layer's device, its directories its own.)
        if (S_ISDIR(entry.status.st_mode) && entry.status.st_dev != own.st_dev) continue;
        TRY(copy_entry(entry, target).while_doing("copy '{}'", entry.name));
    }
    return {};
}

} // namespace bolt
