#include "sys/old_mount.h"

#include <algorithm>
#include <array>

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"
#include "sys/mount_table.h"

namespace bolt::old_mount {

namespace {

#ifndef MS_NOSYMFOLLOW
constexpr unsigned long MS_NOSYMFOLLOW = 256; // Linux 5.10
#endif
constexpr unsigned long st_nosymfollow = 8192;

// One of a process: where its mount namespace holds what is not in its place yet.
struct Staging {
    bool allowed = false, is_below_root = false;
    UniqueFd top;
    unsigned next = 0;
} staging;

std::string path_of(FdRef fd) { return fmt::format("/proc/self/fd/{}", fd.number()); }

// Over the root directory: look-ups begin below what is mounted there, and so nobody comes by it.
Result<FdRef> staging_top() {
    if (!staging.allowed) return Error::of(ENOSYS, "mounts outside a mount namespace of one's own need mount_setattr(2), Linux 5.12");
    if (staging.top.is_open()) return FdRef(staging.top);
    if (mount("tmpfs", "/", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=700") < 0) return Error::from_errno("mount a place for mounts");
    UniqueFd top(open("/..", O_PATH | O_DIRECTORY | O_CLOEXEC)); // up from the root directory is what is mounted over it
    if (!top.is_open()) return Error::from_errno("open the place for mounts");
    auto const root = TRY(open_file(HostPath(), O_PATH | O_DIRECTORY));
    if (TRY(mount_id_of(root)) == TRY(mount_id_of(top))) return Error::of(ENOTSUP, "this kernel does not lead to what is mounted over '/'");
    // No part of a copy of "/" and what lies below.
    if (mount(nullptr, path_of(top).c_str(), nullptr, MS_UNBINDABLE, nullptr) < 0) return Error::from_errno("keep the place for mounts to itself");
    staging.top = std::move(top);
    return FdRef(staging.top);
}

unsigned long recursion(Depth depth) { return depth == Depth::recursive ? MS_REC : 0; }

enum class Kind { file, directory };

Result<UniqueFd> mount_in_staging(Kind kind, char const* source, char const* type, unsigned long flags, char const* data) {
    auto const top = TRY(staging_top());
    auto const name = fmt::format("{}", staging.next++);
    if ((kind == Kind::directory ? mkdirat(top.number(), name.c_str(), 0700) : mknodat(top.number(), name.c_str(), S_IFREG | 0600, 0)) < 0) return Error::from_errno("make a mount point");
    if (mount(source, (path_of(top) + "/" + name).c_str(), type, flags, data) < 0) return Error::from_errno("mount(2)");
    UniqueFd mounted(openat(top.number(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!mounted.is_open()) return Error::from_errno("open the new mount");
    return mounted;
}

struct Bit {
    std::uint64_t attribute;
    unsigned long flag, status; // of mount(2), and of statvfs(3)
};
constexpr std::array bits{
    Bit{MOUNT_ATTR_RDONLY, MS_RDONLY, ST_RDONLY},
    Bit{MOUNT_ATTR_NOSUID, MS_NOSUID, ST_NOSUID},
    Bit{MOUNT_ATTR_NODEV, MS_NODEV, ST_NODEV},
    Bit{MOUNT_ATTR_NOEXEC, MS_NOEXEC, ST_NOEXEC},
    Bit{MOUNT_ATTR_NODIRATIME, MS_NODIRATIME, ST_NODIRATIME},
    Bit{MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW, st_nosymfollow},
};

unsigned long flag_of_atime(std::uint64_t attributes) {
    auto const which = attributes & MOUNT_ATTR__ATIME;
    return which == MOUNT_ATTR_NOATIME ? MS_NOATIME : which == MOUNT_ATTR_STRICTATIME ? MS_STRICTATIME : MS_RELATIME;
}

unsigned long flags_of(std::uint64_t attributes) {
    unsigned long flags = flag_of_atime(attributes);
    for (auto const& bit : bits)
        if ((attributes & bit.attribute) != 0) flags |= bit.flag;
    return flags;
}

Result<unsigned long> status_of(FdRef mounted) {
    struct statvfs status {};
    if (fstatvfs(mounted.number(), &status) < 0) return Error::from_errno("look at a mount");
    return status.f_flag;
}

// mount(2) sets all flags at once: those that nobody speaks of are said again.
unsigned long changed(unsigned long status, MountAttributes const& wanted) {
    unsigned long flags = (status & ST_NOATIME) != 0 ? MS_NOATIME : (status & ST_RELATIME) != 0 ? MS_RELATIME : MS_STRICTATIME;
    if (((wanted.set | wanted.clear) & MOUNT_ATTR__ATIME) != 0) flags = flag_of_atime(wanted.set);
    for (auto const& bit : bits) {
        bool const is_set = (wanted.set & bit.attribute) != 0 || ((status & bit.status) != 0 && (wanted.clear & bit.attribute) == 0);
        if (is_set) flags |= bit.flag;
    }
    return flags;
}

Result<void> set_one(FdRef mounted, std::string const& path, MountAttributes const& wanted) {
    auto const flags = changed(TRY(status_of(mounted)), wanted);
    if (mount(nullptr, path.c_str(), nullptr, MS_REMOUNT | MS_BIND | flags, nullptr) < 0) return Error::from_errno("change the attributes of a mount");
    bool const follows = (wanted.set & MOUNT_ATTR_NOSYMFOLLOW) != 0 && (TRY(status_of(mounted)) & st_nosymfollow) == 0;
    return follows ? Result<void>(Error::of(ENOTSUP, "'nosymfollow' needs Linux 5.10")) : Result<void>();
}

Result<void> set_one(FdRef mounted, MountAttributes const& wanted) { return set_one(mounted, path_of(mounted), wanted); }

Result<void> set_propagation(std::string const& path, std::uint64_t propagation, Depth depth) {
    if (propagation == 0 || mount(nullptr, path.c_str(), nullptr, propagation | recursion(depth), nullptr) == 0) return {};
    return Error::from_errno("change the propagation of a mount");
}

// The mounts below one, in the order in which they lie on each other; without it.
std::vector<MountEntry> below(std::vector<MountEntry> const& table, std::uint64_t top) {
    std::vector<MountEntry> found;
    std::vector<std::uint64_t> parents{top};
    for (std::size_t at = 0; at < parents.size(); ++at)
        for (auto const& entry : table)
            if (entry.parent == parents[at] && entry.id != entry.parent) {
                parents.push_back(entry.id);
                found.push_back(entry);
            }
    return found;
}

Result<void> set_below(FdRef top, MountAttributes const& wanted) {
    auto const table = TRY(read_mount_table());
    auto const id = TRY(mount_id_of(top));
    auto const own = std::ranges::find(table, id, &MountEntry::id);
    if (own == table.end()) return Error::of(EINVAL, "the mount is of another mount namespace");
    auto const prefix = own->place == "/" ? std::string("/") : own->place + "/";
    auto const all = below(table, id);
    for (auto const& entry : all) {
        // One that another covers, whole or in part, is not seen, and stays as it is.
        if (!entry.place.starts_with(prefix)) continue;
        auto const name = entry.place.substr(prefix.size());
        auto opened = open_at(top, name, O_PATH | O_NOFOLLOW);
        if (!opened && (opened.error().is(ENOENT) || opened.error().is(ENOTDIR))) continue;
        auto const there = TRY(std::move(opened));
        auto const found = TRY(mount_id_of(there));
        if (std::ranges::find(all, found, &MountEntry::id) == all.end() && found != id) return Error::of(EAGAIN, "'{}' was moved while its mounts were changed", name);
        if (found == entry.id) TRY(set_one(there, wanted).while_doing("'{}'", name));
    }
    return {};
}

struct Data {
    std::string text; // of mount(2)
    unsigned long set = 0, clear = 0;
};

// What fsconfig(2) takes for the file system's and mount(2) as a flag.
struct FlagWord {
    std::string_view word;
    unsigned long flag;
    bool sets;
};
constexpr std::array flag_words{
    FlagWord{"ro", MS_RDONLY, true},     FlagWord{"rw", MS_RDONLY, false},     FlagWord{"sync", MS_SYNCHRONOUS, true}, FlagWord{"async", MS_SYNCHRONOUS, false}, FlagWord{"dirsync", MS_DIRSYNC, true},
    FlagWord{"lazytime", MS_LAZYTIME, true}, FlagWord{"nolazytime", MS_LAZYTIME, false}, FlagWord{"mand", MS_MANDLOCK, true}, FlagWord{"nomand", MS_MANDLOCK, false},
};

// What a file system says of itself in mountinfo.
unsigned long flag_of(std::string_view said) {
    auto const word = std::ranges::find(flag_words, said, &FlagWord::word);
    return word != flag_words.end() && word->sets ? word->flag : 0;
}

Result<Data> data_of(FilesystemOptions const& options) {
    Data data;
    for (auto const& [key, value] : options) {
        auto const word = std::ranges::find(flag_words, key, &FlagWord::word);
        if (word != flag_words.end() && value.empty()) {
            (word->sets ? data.set : data.clear) |= word->flag;
            (word->sets ? data.clear : data.set) &= ~word->flag;
            continue;
        }
        // The labels of SELinux alone may be quoted: "context="system_u:object_r:x:s0:c1,c2"".
        bool const is_label = key.ends_with("context");
        if (value.find(',') != value.npos && !is_label) return Error::of(EINVAL, "option '{}={}': a value with a comma needs Linux 5.12", key, value);
        auto const* const quote = is_label && value.find('"') == value.npos ? "\"" : "";
        data.text += fmt::format("{}{}{}{}{}{}", data.text.empty() ? "" : ",", key, value.empty() ? "" : "=", quote, value, quote);
    }
    if (data.text.size() >= 4096) return Error::of(E2BIG, "the options are longer than mount(2) takes");
    return data;
}

} // namespace

bool is_needed() {
    // Asked for nothing, a kernel that has the call says EINVAL.
    static bool const needed = syscall(SYS_mount_setattr, -1, nullptr, 0, nullptr, 0) < 0 && errno != EINVAL;
    return needed;
}

Result<void> finish() {
    if (!staging.top.is_open() || staging.is_below_root) return {};
    if (umount2(path_of(staging.top).c_str(), MNT_DETACH) < 0) return Error::from_errno("take the place for mounts off");
    staging.top.close();
    return {};
}

Result<void> finish_in_old_root() {
    if (!staging.top.is_open()) return {};
    staging = {};
    // "." is looked up as what lies on top there: the directory for mounts, and not the old root directory below it.
    if (umount2(".", MNT_DETACH) < 0) return Error::from_errno("take the place for mounts off");
    return {};
}

void allow() {
    staging = {};
    staging.allowed = true;
}

Result<UniqueFd> make(std::string const& type, std::string const& source, FilesystemOptions const& options, std::uint64_t attributes) {
    auto const data = TRY(data_of(options));
    auto const mount_it = [&](unsigned long flags) {
        return mount_in_staging(Kind::directory, source.empty() ? "none" : source.c_str(), type.c_str(), flags | data.set, data.text.c_str());
    };
    // Read-only is to be the mount, and not the file system. Where the host's is read-only and locked, only such a one is granted.
    auto const flags = flags_of(attributes);
    auto made = mount_it(flags & ~static_cast<unsigned long>(MS_RDONLY));
    if (!made && made.error().is(EPERM) && (flags & MS_RDONLY) != 0) made = mount_it(flags);
    auto mounted = TRY(std::move(made).while_doing("file system type '{}'{}{}", type, data.text.empty() ? "" : " with ", data.text));
    if ((attributes & (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSYMFOLLOW)) != 0) TRY(set_one(mounted, {.set = attributes & (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSYMFOLLOW)}));
    return mounted;
}

Result<UniqueFd> copy(FdRef source, Depth depth) {
    auto const kind = S_ISDIR(TRY(stat_fd(source)).st_mode) ? Kind::directory : Kind::file;
    return mount_in_staging(kind, path_of(source).c_str(), nullptr, MS_BIND | recursion(depth), nullptr).while_doing("copy a mount");
}

Result<void> set(FdRef mounted, MountAttributes const& attributes, Depth depth) {
    if (attributes.set != 0 || attributes.clear != 0) {
        TRY(set_one(mounted, attributes));
        if (depth == Depth::recursive) TRY(set_below(mounted, attributes));
    }
    return set_propagation(path_of(mounted), attributes.propagation, depth);
}

Result<void> set_root(MountAttributes const& attributes, Depth depth) {
    auto const root = TRY(open_file(HostPath(), O_PATH | O_DIRECTORY));
    if (attributes.set != 0 || attributes.clear != 0) TRY(set_one(root, "/", attributes));
    return set_propagation("/", attributes.propagation, depth);
}
Result<void> attach(FdRef mounted, FdRef target) {
    if (mount(path_of(mounted).c_str(), path_of(target).c_str(), nullptr, MS_MOVE, nullptr) < 0) return Error::from_errno("attach the mount");
    return {};
}

Result<void> attach_over_root(FdRef mounted) {
    if (mount(path_of(mounted).c_str(), "/", nullptr, MS_MOVE, nullptr) < 0) return Error::from_errno("attach the root file system");
    staging.is_below_root = true;
    return {};
}

Result<void> reconfigure(FdRef mounted, FilesystemOptions const& options) {
    auto const data = TRY(data_of(options));
    auto const table = TRY(read_mount_table());
    auto const entry = std::ranges::find(table, TRY(mount_id_of(mounted)), &MountEntry::id);
    if (entry == table.end()) return Error::of(EINVAL, "the mount is of another mount namespace");
    // mount(2) sets all flags at once, and "read-only" for both, the file system and the mount: each is left as it is unless an option
    // speaks of it.
    auto const status = TRY(status_of(mounted));
    auto flags = changed(status, {}) & ~static_cast<unsigned long>(MS_RDONLY);
    for (auto const word : split(entry->file_system_options, ',')) flags |= flag_of(word);
    bool const was_read_only = (status & ST_RDONLY) != 0 && (flags & MS_RDONLY) == 0;
    flags = (flags & ~data.clear) | data.set;
    if (mount(nullptr, path_of(mounted).c_str(), nullptr, MS_REMOUNT | flags, data.text.c_str()) < 0) return Error::from_errno("{}", data.text);
    return was_read_only ? set_one(mounted, {.set = MOUNT_ATTR_RDONLY}) : Result<void>();
}

} // namespace bolt::old_mount
