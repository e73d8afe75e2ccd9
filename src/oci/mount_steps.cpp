#include "oci/mount_steps.h"

#include <algorithm>

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/text.h"
#include "oci/cgroup_mounts.h"
#include "oci/mount_target.h"
#include "sys/file.h"
#include "sys/file_copy.h"

namespace bolt::oci {

namespace {

// Linux 5.8; an older kernel does not tell, and refuses by itself what it cannot change.
Result<bool> is_mounted(FdRef fd) {
    struct statx status {};
    if (statx(fd.number(), "", AT_EMPTY_PATH, STATX_TYPE, &status) < 0) return Error::from_errno("look at a mount point");
    return (status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0 || (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// user_namespaces(7): what the host's mount is (read-only, nosuid, nodev, noexec) is locked for who has a user namespace of his own.
// Engines say "rw" of whatever they bind, and every runtime takes it; false when the mount stays read-only in spite of it.
Result<bool> set_unlocked(Mount const& mount, MountAttributes wanted, Depth depth) {
    auto outcome = mount.set(wanted, depth);
    if (outcome || !outcome.error().is(EPERM)) return outcome ? Result<bool>(true) : outcome.error();
    bool const asked_to_write = (wanted.clear & MOUNT_ATTR_RDONLY) != 0;
    wanted.clear &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
    if (asked_to_write && (!wanted.any() || mount.set(wanted, depth))) return false;
    return Error::of(EPERM, "the host has nosuid, nodev, noexec or noatime there, and in a user namespace no option can take that back");
}

// False as above.
Result<bool> put_in_place(Mount const& mount, MountAttributes const& own, MountAttributes const& below, FdRef target) {
    bool is_as_asked = !below.any() || TRY(set_unlocked(mount, below, Depth::recursive));
    auto top = own, same = below;
    // Propagation is set once attached: a mount that is attached below a shared one becomes shared.
    top.propagation = same.propagation = 0;
    if (top.any() && top != same) is_as_asked = TRY(set_unlocked(mount, top, Depth::top)) && is_as_asked;
    TRY(mount.attach(target));
    auto const propagation = own.propagation != 0 ? own.propagation : std::uint64_t{MS_PRIVATE};
    TRY(mount.set({.propagation = propagation}, below.propagation != 0 || own.propagation == 0 ? Depth::recursive : Depth::top));
    return is_as_asked;
}

// The link as it is, at the target: nothing is mounted.
Result<void> copy_link(FdRef link, RootPath const& target, Root const& root) {
    auto const text = TRY(read_symlink(link));
    auto const parent = TRY(root.make_directories(target.parent(), 0755));
    std::string const name(target.name());
    if (symlinkat(text.c_str(), parent.number(), name.c_str()) == 0) return {};
    if (errno != EEXIST) return Error::from_errno("make the link");
    auto const there = open_at(parent, name, O_PATH | O_NOFOLLOW);
    auto const present = there ? read_symlink(there.value()) : Result<std::string>(there.error());
    return present && present.value() == text ? Result<void>() : Error::of(EEXIST, "something else than a link to '{}' is there", text);
}

bool is_watched_place(RootPath const& target) { return target.text() == "proc" || target.text() == "sys"; }

Result<UniqueFd> bind_target(BindMount const& step, Root const& root, FdRef source) {
    auto const kind = S_ISDIR(TRY(stat_fd(source)).st_mode) ? TargetKind::directory : TargetKind::file;
    if (is_watched_place(step.target)) TRY(require_no_link(root, step.target));
    if (step.replaces_link)
        if (auto link = root.open_path(step.target, O_PATH | O_NOFOLLOW)) return link;
    auto target = TRY(make_target(root, step.target, kind));
    bool const is_directory = S_ISDIR(TRY(stat_fd(target)).st_mode);
    if (is_directory != (kind == TargetKind::directory))
        return Error::of(is_directory ? EISDIR : ENOTDIR, "the source is {} and the target {}; name {} as the target", is_directory ? "a file" : "a directory",
                         is_directory ? "a directory" : "a file", is_directory ? "a file" : "a directory");
    return target;
}

void warn_of_left_out(RootPath const& target, std::vector<std::string> const& options, std::vector<std::string>& warnings) {
    for (auto const& option : options) warnings.push_back(fmt::format("mount '{}': '{}' is for the whole file system, which is the host's, and is left out", target, option));
}

// The container's root may lie over the host's root directory, and is no part of what is copied with it.
Result<Mount> copy_source(FdRef source, Depth depth, Root const& root) {
    auto const top = TRY(open_file(HostPath(), O_PATH | O_DIRECTORY));
    if (depth == Depth::top || !TRY(is_same_place(source, top))) return Mount::copy(source, depth);
    TRY(set_mount(root.top(), {.propagation = MS_UNBINDABLE}, Depth::top));
    auto copied = Mount::copy(source, depth);
    TRY(set_mount(root.top(), {.propagation = MS_PRIVATE}, Depth::top));
    return copied;
}

Result<void> bind(BindMount const& step, Root const& root, Sources const& sources, std::vector<std::string>& warnings) {
    warn_of_left_out(step.target, step.left_out, warnings);
    auto const* const made = sources.find_made(step);
    auto const source = made ? UniqueFd() : TRY(sources.open_source(step));
    if (step.source_link == SourceLink::copied && source.is_open() && S_ISLNK(TRY(stat_fd(source)).st_mode)) return copy_link(source, step.target, root);
    auto copied = made ? std::optional<Mount>() : std::optional(TRY(copy_source(source, step.depth, root)));
    auto const& mount = made ? made->mount : *copied;
    auto const target = TRY(bind_target(step, root, mount.top()));
    auto below = step.recursive;
    auto own = step.attributes;
    if (own.propagation == 0 && below.propagation != 0) own.propagation = below.propagation;
    if (!TRY(put_in_place(mount, own, below, target)))
        warnings.push_back(fmt::format("mount '{}': it stays read-only, as on the host: in a user namespace 'rw' cannot take that back", step.target));
    return {};
}

// /sys of the host, read-only: what there is when a sysfs of one's own is refused, because the network namespace is not ours
// or the host's /sys is partly hidden.
Result<void> bind_host_sys(MountFilesystem const& step, Root const& root) {
    auto const mount = TRY(Mount::copy(TRY(HostPath::parse("/sys")), Depth::recursive));
    // Some mounts below may be locked against change: the top decides what is seen of /sys itself.
    if (!mount.set({.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC}, Depth::recursive))
        TRY(mount.set({.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC}, Depth::top));
    auto const target = TRY(make_target(root, step.target, TargetKind::directory));
    return mount.attach(target);
}

// A new one is refused where the pid namespace is not ours, and then the host's shows the same processes; but also where the
// host's is partly hidden, as inside most containers.
Result<Mount> copy_host_proc(MountFilesystem const& step, std::vector<std::string>& warnings) {
    if (step.shows_own_processes)
        warnings.emplace_back("the kernel refuses a new /proc while a part of the host's is hidden, as inside another container; the host's is shown instead, with processes "
                              "that are not the container's");
    return Mount::copy(TRY(HostPath::parse("/proc")), Depth::recursive);
}

// A tmpfs has the mode of what it hides unless the document says one, as runc and crun have it: images rely on a /tmp for all.
Result<FilesystemOptions> options_of(MountFilesystem const& step, Root const& root) {
    auto options = step.options;
    bool const has_mode = std::ranges::any_of(options, [](auto const& option) { return option.first == "mode"; });
    if (step.type != "tmpfs" || has_mode) return options;
    if (auto const there = root.open_path(step.target, O_PATH | O_DIRECTORY)) options.emplace_back("mode", fmt::format("{:o}", TRY(stat_fd(there.value())).st_mode & 07777));
    return options;
}

Result<void> mount_filesystem(MountFilesystem const& step, Root const& root, std::vector<std::string>& warnings) {
    if (step.type == "proc" || step.type == "sysfs" || is_watched_place(step.target)) TRY(require_no_link(root, step.target));
    // What can be given at birth saves a call.
    bool const plain = step.attributes.clear == 0 || (step.attributes.clear & ~static_cast<std::uint64_t>(MOUNT_ATTR__ATIME)) == 0;
    auto mount = Mount::make(step.type, step.source, TRY(options_of(step, root)), plain ? step.attributes.set : 0);
    bool const was_made = mount.ok();
    if (!mount && step.type == "sysfs" && mount.error().is(EPERM)) return bind_host_sys(step, root);
    // Namespaces that are somebody else's: the host's own mounts show the same queues and processes.
    if (!mount && step.type == "mqueue" && mount.error().is(EPERM)) {
        mount = Mount::copy(TRY(HostPath::parse("/dev/mqueue")), Depth::top);
        // A host that shows its queues nowhere: an empty directory shows as much.
        if (!mount && mount.error().is(ENOENT)) return TRY(make_target(root, step.target, TargetKind::directory)), Result<void>();
    }
    if (!mount && step.type == "proc" && mount.error().is(EPERM)) mount = copy_host_proc(step, warnings);
    if (!mount && step.type == "cgroup" && mount.error().is(EPERM))
        return Error::of(EPERM, "the host has no hierarchy 'none,name=systemd' of cgroup v1 that could be shown; make it with 'mount -t cgroup -o none,name=systemd,xattr cgroup DIRECTORY'");
    auto const made = TRY(std::move(mount));
    if (!plain || !was_made) TRY(made.set({.set = step.attributes.set, .clear = step.attributes.clear}, Depth::top));
    auto const target = TRY(make_target(root, step.target, TargetKind::directory));
    if (step.copies_up) TRY(copy_directory(target, made.top()).while_doing("tmpcopyup"));
    TRY(made.attach(target));
    if (step.attributes.propagation != 0) TRY(made.set({.propagation = step.attributes.propagation}, Depth::recursive));
    return {};
}

mode_t file_type(char type) { return type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR; }

// In a user namespace no device can be made: the host's own node is shown instead.
Result<void> bind_device(MakeDevice const& step, Root const& root, std::vector<std::string>& warnings) {
    auto const source = TRY(open_file(TRY(HostPath::parse(step.device.path)), O_PATH).while_doing("device '{}'", step.device.path));
    auto const status = TRY(stat_fd(source));
    auto const number = makedev(static_cast<unsigned>(step.device.major), static_cast<unsigned>(step.device.minor));
    if ((status.st_mode & S_IFMT) != file_type(step.device.type) || (step.device.type != 'p' && status.st_rdev != number))
        return Error::of(ENODEV, "device '{}' of the host is not {} {}:{}, and no other can be made in a user namespace", step.device.path, step.device.type,
                         step.device.major, step.device.minor);
    auto const& asked = step.device;
    if (!step.usual && ((asked.file_mode && (*asked.file_mode & 07777) != (status.st_mode & 07777)) || (asked.uid != 0 && asked.uid != status.st_uid) || (asked.gid != 0 && asked.gid != status.st_gid)))
        warnings.push_back(fmt::format("device '{}' keeps the host's mode and owner: fileMode, uid and gid cannot be set in a user namespace", asked.path));
    auto const mount = TRY(Mount::copy(source, Depth::top));
    auto const target = TRY(make_target(root, step.target, TargetKind::file));
    // An empty file is a mount point that an earlier container left.
    auto const there = TRY(stat_fd(target));
    bool const is_mount_point = S_ISREG(there.st_mode) && (there.st_size == 0 || step.usual), is_it = (there.st_mode & S_IFMT) == file_type(step.device.type) && there.st_rdev == status.st_rdev;
    if (!is_mount_point && !is_it) return Error::of(EEXIST, "device '{}': something else is there", step.device.path);
    return mount.attach(target);
}

// Of devices and links, which come in rows: the same directory is looked up once in a row.
class LastDirectory {
public:
    Result<FdRef> of(RootPath const& path, Root const& root) {
        auto parent = path.parent();
        if (!directory_.is_open() || !(parent == path_)) {
            directory_ = TRY(make_device_directory(root, parent));
            path_ = std::move(parent);
        }
        return FdRef(directory_);
    }

private:
    RootPath path_;
    UniqueFd directory_;
};

// In a directory of the host's nothing is made: what it has not is left out, as by runc from /dev, but said.
Result<void> find_device(MakeDevice const& step, Root const& root, std::vector<std::string>& warnings) {
    auto const there = root.open_path(step.target, O_PATH | O_NOFOLLOW);
    if (!there && !there.error().is(ENOENT)) return there.error();
    if (!there) {
        warnings.push_back(fmt::format("device '{}' is not in the host's directory that is mounted there, and is left out", step.device.path));
        return {};
    }
    auto const status = TRY(stat_fd(there.value()));
    auto const number = makedev(static_cast<unsigned>(step.device.major), static_cast<unsigned>(step.device.minor));
    bool const is_it = (status.st_mode & S_IFMT) == file_type(step.device.type) && (step.device.type == 'p' || status.st_rdev == number);
    return is_it ? Result<void>() : Error::of(EEXIST, "device '{}': something else is there", step.device.path);
}

Result<void> make_device(MakeDevice const& step, Root const& root, LastDirectory& last, std::vector<std::string>& warnings) {
    if (step.target.is_top()) return Error::of(EINVAL, "device '{}' has no name", step.device.path);
    if (step.is_hosts) return find_device(step, root, warnings);
    auto const parent = TRY(last.of(step.target, root).while_doing("device '{}'", step.device.path));
    std::string const name(step.target.name());
    mode_t const mode = step.device.file_mode.value_or(0666);
    auto const number = makedev(static_cast<unsigned>(step.device.major), static_cast<unsigned>(step.device.minor));
    if (mknodat(parent.number(), name.c_str(), file_type(step.device.type) | (mode & 07777), number) < 0) {
        if (errno == EPERM) return bind_device(step, root, warnings);
        if (errno == EEXIST) {
            struct stat there {};
            if (fstatat(parent.number(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_rdev == number && (there.st_mode & S_IFMT) == file_type(step.device.type))
                return {};
            bool const is_mount_point = S_ISREG(there.st_mode) && (there.st_size == 0 || step.usual); // an empty one is an earlier container's
            return is_mount_point ? bind_device(step, root, warnings) : Error::of(EEXIST, "device '{}': something else is there", step.device.path);
        }
        return Error::from_errno("make device '{}'", step.device.path);
    }
    if ((step.device.uid != 0 || step.device.gid != 0) && fchownat(parent.number(), name.c_str(), step.device.uid, step.device.gid, AT_SYMLINK_NOFOLLOW) < 0)
        return Error::from_errno("set the owner of device '{}'", step.device.path);
    return {};
}

Result<void> make_link(MakeLink const& step, Root const& root, LastDirectory& last) {
    auto const parent = TRY(last.of(step.path, root).while_doing("link '{}'", step.path));
    std::string const name(step.path.name());
    if (symlinkat(step.target.c_str(), parent.number(), name.c_str()) == 0) return {};
    if (errno != EEXIST) return Error::from_errno("make link '{}'", step.path);
    return {}; // the image brought its own
}

// What hides a masked path: an empty read-only directory, or the host's null device. Each is made when the first path needs it.
class Masks {
public:
    Result<void> cover(FdRef there) {
        if (S_ISDIR(TRY(stat_fd(there)).st_mode)) return cover_directory(there);
        if (!null_.is_open()) null_ = TRY(open_null_device());
        return TRY(Mount::copy(null_, Depth::top)).attach(there);
    }

private:
    // One file system under all of them: nothing can be made in it, so a container moves nothing from one to another.
    Result<void> cover_directory(FdRef there) {
        if (empty_) return TRY(Mount::copy(empty_->top(), Depth::top)).attach(there);
        empty_ = TRY(Mount::make("tmpfs", "tmpfs", {{"size", "0"}, {"nr_inodes", "1"}, {"mode", "555"}}, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
        return empty_->attach(there);
    }

    // Opened before anything of the container's could be in its place, and checked.
    static Result<UniqueFd> open_null_device() {
        auto null = TRY(open_file(TRY(HostPath::parse("/dev/null")), O_PATH));
        auto const status = TRY(stat_fd(null));
        if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3)) return Error::of(ENODEV, "/dev/null of the host is not the null device");
        return null;
    }

    std::optional<Mount> empty_;
    UniqueFd null_;
};

// Masked and read-only paths that do not exist are passed over, as the specification's users expect.
Result<std::optional<UniqueFd>> find_path(Root const& root, RootPath const& path) {
    auto fd = root.open_path(path, O_PATH);
    if (fd) return std::optional(std::move(fd).value());
    if (fd.error().is(ENOENT) || fd.error().is(ENOTDIR)) return std::optional<UniqueFd>();
    if (fd.error().is(ELOOP)) return Error::of(ELOOP, "a link on the way there leads to itself, or is one of the kernel's (/proc/PID/fd, root, cwd, exe), which are not followed");
    return std::move(fd).error();
}

// By a link of the image's: what is mounted there would be seen by nobody.
Result<bool> is_root(FdRef there, Root const& root) {
    auto const status = TRY(stat_fd(there)), top = TRY(stat_fd(root.top()));
    return status.st_ino == top.st_ino && status.st_dev == top.st_dev && TRY(is_same_place(there, root.top()));
}

Result<void> mask(MaskPath const& step, Root const& root, Masks& masks) {
    auto const there = TRY(find_path(root, step.path));
    if (there && TRY(is_root(*there, root))) return Error::of(EINVAL, "it leads to the root directory, which cannot be hidden");
    return there ? masks.cover(*there) : Result<void>();
}

Result<void> make_read_only(MakeReadOnly const& step, Root const& root) {
    auto const there = TRY(find_path(root, step.path));
    if (!there) return {};
    if (TRY(is_root(*there, root))) return set_mount(root.top(), {.set = MOUNT_ATTR_RDONLY}, Depth::top);
    auto const mount = TRY(Mount::copy(*there, Depth::recursive));
    TRY(mount.set({.set = MOUNT_ATTR_RDONLY}, Depth::recursive));
    return mount.attach(*there);
}

Result<void> seal(SealFilesystem const& step, Root const& root) {
    auto const there = TRY(root.open_path(step.path, O_PATH | O_DIRECTORY));
    return set_mount(there, {.set = MOUNT_ATTR_RDONLY}, Depth::top);
}

Result<void> remount(Remount const& step, Root const& root, std::vector<std::string>& warnings) {
    warn_of_left_out(step.target, step.left_out, warnings);
    auto const there = TRY(root.open_path(step.target, O_PATH));
    if (!TRY(is_mounted(there))) return Error::of(EINVAL, "nothing is mounted there");
    if (step.recursive.any()) TRY(set_mount(there, step.recursive, Depth::recursive));
    if (step.attributes.any()) TRY(set_mount(there, step.attributes, Depth::top));
    return step.options.empty() ? Result<void>() : reconfigure_filesystem(there, step.options);
}

struct Perform {
    Root const& root;
    Sources const& sources;
    std::vector<std::string>& warnings;
    LastDirectory& last;
    Masks& masks;
    Result<void> operator()(MountFilesystem const& step) const { return mount_filesystem(step, root, warnings).while_doing("mount {} on '{}'", step.type, step.target); }
    Result<void> operator()(BindMount const& step) const { return bind(step, root, sources, warnings).while_doing("bind '{}' on '{}'", step.source, step.target); }
    Result<void> operator()(MountCgroup const& step) const { return mount_cgroup(step, root).while_doing("mount cgroup on '{}'", step.target); }
    Result<void> operator()(MakeDevice const& step) const { return make_device(step, root, last, warnings); }
    Result<void> operator()(MakeLink const& step) const { return make_link(step, root, last); }
    Result<void> operator()(MaskPath const& step) const { return mask(step, root, masks).while_doing("mask '{}'", step.path); }
    Result<void> operator()(SealFilesystem const& step) const { return seal(step, root).while_doing("make '{}' read-only", step.path); }
    Result<void> operator()(Remount const& step) const { return remount(step, root, warnings).while_doing("remount '{}'", step.target); }
    Result<void> operator()(MakeReadOnly const& step) const { return make_read_only(step, root).while_doing("make '{}' read-only", step.path); }
};

} // namespace

Result<void> perform(std::vector<MountStep> const& steps, Root const& root, Sources const& sources, std::vector<std::string>& warnings) {
    LastDirectory last;
    Masks masks;
    for (auto const& step : steps) {
        // What is mounted may hide the directory that is known.
        bool const mounts = !std::holds_alternative<MakeDevice>(step) && !std::holds_alternative<MakeLink>(step);
        if (mounts) last = LastDirectory();
        TRY(std::visit(Perform{root, sources, warnings, last, masks}, step));
    }
    return {};
}

} // namespace bolt::oci
