#include "sys/mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"
#include "sys/old_mount.h"

namespace bolt {

namespace {

// fsopen's descriptor also carries the kernel's messages: "e overlay: upperdir is in-use".
std::string kernel_words(FdRef context) {
    char buffer[512];
    std::string words;
    for (;;) {
        auto const length = read(context.number(), buffer, sizeof buffer);
        if (length <= 0) return words;
        std::string_view line(buffer, static_cast<std::size_t>(length));
        if (line.size() > 2 && line[1] == ' ') line.remove_prefix(2);
        words += fmt::format(" ({})", trim(line));
    }
}

Result<void> configure(FdRef context, unsigned command, char const* key, char const* value) {
    if (syscall(SYS_fsconfig, context.number(), command, key, value, 0) == 0) return {};
    int const code = errno;
    auto const said = kernel_words(context);
    if (!key) return Error::from_code(code, fmt::format("make the file system{}", said));
    return Error::from_code(code, fmt::format("option '{}{}{}'{}", key, value ? "=" : "", value ? value : "", said));
}

Result<void> configure_all(FdRef context, FilesystemOptions const& options) {
    for (auto const& [key, value] : options)
        TRY(configure(context, value.empty() ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key.c_str(), value.empty() ? nullptr : value.c_str()));
    return {};
}

Result<UniqueFd> copy_tree(int directory, char const* path, Depth depth) {
    unsigned const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (depth == Depth::recursive ? AT_RECURSIVE : 0);
    UniqueFd tree(static_cast<int>(syscall(SYS_open_tree, directory, path, flags)));
    if (!tree.is_open()) return Error::from_errno("copy a mount");
    return tree;
}

} // namespace

bool can_mount_detached() { return !old_mount::is_needed(); }

Result<Mount> Mount::make(std::string const& type, std::string const& source, FilesystemOptions const& options, std::uint64_t attributes) {
    if (old_mount::is_needed()) return Mount(TRY(old_mount::make(type, source, options, attributes)));
    UniqueFd const context(static_cast<int>(syscall(SYS_fsopen, type.c_str(), FSOPEN_CLOEXEC)));
    if (!context.is_open()) return Error::from_errno("file system type '{}'", type);
    if (!source.empty()) TRY(configure(context, FSCONFIG_SET_STRING, "source", source.c_str()));
    TRY(configure_all(context, options));
    TRY(configure(context, FSCONFIG_CMD_CREATE, nullptr, nullptr));
    UniqueFd top(static_cast<int>(syscall(SYS_fsmount, context.number(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes))));
    if (!top.is_open()) return Error::from_errno("mount the new file system");
    return Mount(std::move(top));
}

Result<Mount> Mount::copy(HostPath const& source, Depth depth) {
    if (old_mount::is_needed()) {
        auto const file = TRY(open_file(source, O_PATH));
        return copy(file, depth).while_doing("'{}'", source);
    }
    return Mount(TRY(copy_tree(AT_FDCWD, source.c_str(), depth).while_doing("'{}'", source)));
}

Result<Mount> Mount::copy(FdRef source, Depth depth) {
    return Mount(TRY(old_mount::is_needed() ? old_mount::copy(source, depth) : copy_tree(source.number(), "", depth)));
}

Result<void> Mount::set(MountAttributes const& attributes, Depth depth) const { return set_mount(top_, attributes, depth); }

Result<void> Mount::map_ids(FdRef user_namespace, Depth depth) const {
    mount_attr wanted{};
    wanted.attr_set = MOUNT_ATTR_IDMAP;
    wanted.userns_fd = static_cast<std::uint64_t>(user_namespace.number());
    unsigned const flags = AT_EMPTY_PATH | (depth == Depth::recursive ? AT_RECURSIVE : 0);
    if (old_mount::is_needed()) return Error::of(ENOSYS, "map the mount's ids: it needs mount_setattr(2), Linux 5.12");
    if (syscall(SYS_mount_setattr, top_.number(), "", flags, &wanted, sizeof wanted) < 0) return Error::from_errno("map the mount's ids{}", errno == EPERM ? " (it needs CAP_SYS_ADMIN over its file system)" : "");
    return {};
}

Result<void> Mount::attach(FdRef target) const {
    if (old_mount::is_needed()) return old_mount::attach(top_, target);
    if (syscall(SYS_move_mount, top_.number(), "", target.number(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return Error::from_errno("attach the mount");
    return {};
}

Result<void> Mount::attach(FdRef directory, std::string const& name) const {
    if (old_mount::is_needed()) {
        auto const target = TRY(open_at(directory, name, O_PATH | O_NOFOLLOW));
        return old_mount::attach(top_, target);
    }
    if (syscall(SYS_move_mount, top_.number(), "", directory.number(), name.c_str(), MOVE_MOUNT_F_EMPTY_PATH) < 0) return Error::from_errno("attach the mount");
    return {};
}

Result<void> Mount::attach_over_root() const {
    if (old_mount::is_needed()) return old_mount::attach_over_root(top_);
    if (syscall(SYS_move_mount, top_.number(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0) return Error::from_errno("attach the root file system");
    return {};
}

Result<void> set_mount(FdRef mounted, MountAttributes const& attributes, Depth depth) {
    if (old_mount::is_needed()) return old_mount::set(mounted, attributes, depth);
    mount_attr wanted{};
    wanted.attr_set = attributes.set;
    wanted.attr_clr = attributes.clear;
    wanted.propagation = attributes.propagation;
    unsigned const flags = AT_EMPTY_PATH | (depth == Depth::recursive ? AT_RECURSIVE : 0);
    if (syscall(SYS_mount_setattr, mounted.number(), "", flags, &wanted, sizeof wanted) == 0) return {};
    return Error::from_errno("change the attributes of a mount");
}

Result<void> set_root_mount(MountAttributes const& attributes, Depth propagation) {
    if (old_mount::is_needed()) return old_mount::set_root(attributes, propagation);
    auto const top = TRY(open_file(HostPath(), O_PATH | O_DIRECTORY));
    if (attributes.propagation != 0) TRY(set_mount(top, {.propagation = attributes.propagation}, propagation));
    return attributes.set != 0 || attributes.clear != 0 ? set_mount(top, {.set = attributes.set, .clear = attributes.clear}, Depth::top) : Result<void>();
}

Result<void> cut_off_mounts(std::uint64_t propagation) {
    TRY(set_root_mount({.propagation = propagation}, Depth::recursive));
    old_mount::allow();
    return {};
}

Result<void> finish_mounting() { return old_mount::finish(); }

Result<void> reconfigure_filesystem(FdRef mounted, FilesystemOptions const& options) {
    if (old_mount::is_needed()) return old_mount::reconfigure(mounted, options);
    UniqueFd const context(static_cast<int>(syscall(SYS_fspick, mounted.number(), "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC)));
    if (!context.is_open()) return Error::from_errno("look at the file system");
    TRY(configure_all(context, options));
    return configure(context, FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr);
}

Result<void> enter_root_by_chroot(FdRef new_root) {
    if (fchdir(new_root.number()) < 0 || chroot(".") < 0 || chdir("/") < 0) return Error::from_errno("enter the new root by chroot(2)");
    return {};
}

Result<void> enter_root_for_good(FdRef new_root) {
    if (fchdir(new_root.number()) < 0) return Error::from_errno("enter the new root");
    // Both at ".": the old root lands on top of the new one, and is what "." is until it is taken off.
    if (syscall(SYS_pivot_root, ".", ".") < 0) return Error::from_errno("pivot_root");
    TRY(old_mount::finish_in_old_root());
    if (umount2(".", MNT_DETACH) < 0) return Error::from_errno("take the old root off");
    if (chdir("/") < 0) return Error::from_errno("enter the new root");
    return {};
}

} // namespace bolt
