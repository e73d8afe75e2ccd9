#include "image/unpack.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/directory_times.h"
#include "image/parent_cache.h"
#include "image/tar_reader.h"
#include "sys/file.h"
#include "sys/layered_mount.h"

namespace bolt::image {

namespace {

constexpr std::string_view whiteout_prefix = ".wh.";
constexpr std::string_view opaque_name = ".wh..wh..opq";

// Which of overlay's two names for the same thing may be used here.
Result<std::string> opaque_attribute(FdRef top) {
    auto const readable = TRY(open_at(top, ".", O_RDONLY | O_DIRECTORY));
    if (fsetxattr(readable.number(), "trusted.overlay.opaque", "y", 1, 0) == 0) {
        fremovexattr(readable.number(), "trusted.overlay.opaque");
        return std::string("trusted.overlay.opaque");
    }
    return std::string("user.overlay.opaque");
}

// Files below an archive's directory that is replaced by something else. Links are not followed.
Result<void> remove_below(FdRef parent, std::string const& name, int depth) {
    if (unlinkat(parent.number(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR && errno != EPERM) return Error::from_errno("replace '{}'", name);
    if (depth > 1000) return Error::of(ELOOP, "replace '{}': directories too deep", name);
    auto const directory = TRY(open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    for (auto const& child : TRY(list_directory(directory))) TRY(remove_below(directory, child, depth + 1));
    if (unlinkat(parent.number(), name.c_str(), AT_REMOVEDIR) < 0) return Error::from_errno("replace '{}'", name);
    return {};
}

bool is_kept_attribute(std::string_view name) {
    if (name.starts_with("user.")) return !name.starts_with("user.overlay.");
    return name == "security.capability" || name == "system.posix_acl_access" || name == "system.posix_acl_default";
}

// It can only be read by setting it; once, because layers are unpacked by several threads.
mode_t umask_of_process() {
    static mode_t const mask = [] {
        auto const found = umask(022);
        umask(found);
        return found;
    }();
    return mask;
}

class LayerUnpacker {
public:
    LayerUnpacker(ByteSource& from, Root const& target, UnpackOptions const& options, std::string opaque, TarSplitWriter* split)
        : reader_(from, split), split_(split), target_(target), options_(options), opaque_(opaque), parents_(target, std::move(opaque)), directory_times_(target) {
        umask_ = umask_of_process();
    }

    Result<Unpacked> run() {
        while (auto entry = TRY(reader_.next())) {
            if (++done_.entries > options_.most_entries || reader_.headers() > most_headers_of_one * options_.most_entries) return Error::of(E2BIG, "the layer has more than {} entries", options_.most_entries);
            TRY(take(*entry).while_doing("unpack '{}'", entry->name));
        }
        TRY(reader_.finish());
        done_.archive.count = reader_.position();
        TRY(directory_times_.set());
        done_.implied.assign(parents_.implied().begin(), parents_.implied().end());
        return std::move(done_);
    }

private:
    static constexpr std::uint64_t most_headers_of_one = 4; // its own, and extensions for a long name, a long link and the rest
    Result<void> take(TarEntry const& entry) {
        auto const place = TRY(place_of(entry.name));
        if (place.leaf.empty()) return take_top(entry);
        if (place.leaf.starts_with(whiteout_prefix)) return take_whiteout(place);
        auto parent = TRY(parents_.open(place.directory));
        switch (entry.type) {
        case TarEntry::Type::directory: return make_directory(entry, place, parent);
        case TarEntry::Type::file: return make_file(entry, place, parent);
        case TarEntry::Type::symbolic_link: return make_symbolic_link(entry, place, parent);
        case TarEntry::Type::hard_link: return make_hard_link(entry, place);
        default: return make_node(entry, place, parent);
        }
    }

    // The root directory's own attributes.
    Result<void> take_top(TarEntry const& entry) {
        if (entry.type != TarEntry::Type::directory) return Error::of(EINVAL, "the layer's root is not a directory");
        auto const top = TRY(open_at(target_.top(), ".", O_RDONLY | O_DIRECTORY));
        TRY(set_attributes(top, entry, Fresh::no));
        return directory_times_.add("", entry.modified);
    }

    Result<void> take_whiteout(Place const& place) {
        if (place.leaf == opaque_name) return make_opaque(place.directory);
        if (place.leaf.starts_with(".wh..wh.")) return {}; // aufs kept its own things under such names
        auto const hidden = place.leaf.substr(whiteout_prefix.size());
        if (hidden.empty() || hidden == "." || hidden == "..") return Error::of(EINVAL, "a whiteout of nothing");
        auto parent = parents_.open(place.directory, ParentCache::Whiteouts::stay);
        // Below something that is itself taken away there is nothing to hide.
        if (!parent && parent.error().is(ENOTDIR)) return {};
        TRY(std::move(parent));
        return hide(place, hidden);
    }

    Result<void> hide(Place const& place, std::string const& hidden) {
        auto const parent = TRY(parents_.open(place.directory));
        if (mknodat(parent.fd.number(), hidden.c_str(), S_IFCHR, makedev(0, 0)) == 0) return {};
        if (errno != EEXIST) return Error::from_errno("make a whiteout for '{}'", hidden);
        // The layer has something of that name itself: whiteouts are about the layers below. A directory must not show theirs.
        auto const there = open_at(parent.fd, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!there) return {};
        return set_opaque(there.value());
    }

    Result<void> make_opaque(std::string const& directory) {
        auto parent = parents_.open(directory);
        if (!parent && parent.error().is(ENOTDIR)) return {};
        auto const readable = TRY(open_at(TRY(std::move(parent)).fd, ".", O_RDONLY | O_DIRECTORY));
        return set_opaque(readable);
    }

    Result<void> set_opaque(FdRef directory) {
        if (fsetxattr(directory.number(), opaque_.c_str(), "y", 1, 0) < 0)
            return Error::from_errno("set the xattr {} (the store's file system must support it)", opaque_);
        return {};
    }

    // What is in the way of an entry: an earlier one of the same name, or a whiteout.
    Result<void> clear(ParentCache::Parent& parent, Place const& place) {
        if (split_ && !is_whiteout_at(parent.fd, place.leaf)) split_->spoil();
        TRY(remove_below(parent.fd, place.leaf, 0));
        parents_.forget();
        parent = TRY(parents_.open(place.directory));
        return {};
    }

    Result<void> make_directory(TarEntry const& entry, Place const& place, ParentCache::Parent parent) {
        bool fresh = true, opaque = false;
        if (mkdirat(parent.fd.number(), place.leaf.c_str(), 0700) < 0) {
            if (errno != EEXIST) return Error::from_errno("make the directory");
            struct stat look {};
            if (fstatat(parent.fd.number(), place.leaf.c_str(), &look, AT_SYMLINK_NOFOLLOW) < 0) return Error::from_errno("look at it");
            fresh = !S_ISDIR(look.st_mode);
            if (fresh) {
                opaque = is_whiteout_at(parent.fd, place.leaf);
                TRY(clear(parent, place));
                if (mkdirat(parent.fd.number(), place.leaf.c_str(), 0700) < 0) return Error::from_errno("make the directory");
            }
        }
        auto const directory = TRY(open_at(parent.fd, place.leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        if (opaque) TRY(set_opaque(directory));
        parents_.not_implied(place.text());
        // The mode it was made with is not the entry's, so that it must be set in any case.
        TRY(set_attributes(directory, entry, Fresh::no));
        // The cached parent of what comes next may be this very directory, under its old attributes.
        if ((entry.mode & S_ISGID) != 0) parents_.forget();
        return directory_times_.add(place.text(), entry.modified);
    }

    Result<void> make_file(TarEntry const& entry, Place const& place, ParentCache::Parent parent) {
        int const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        mode_t const mode = entry.mode & 0777;
        UniqueFd file(openat(parent.fd.number(), place.leaf.c_str(), flags, mode));
        if (!file.is_open() && errno == EEXIST) {
            TRY(clear(parent, place));
            file = UniqueFd(openat(parent.fd.number(), place.leaf.c_str(), flags, mode));
        }
        if (!file.is_open()) return Error::from_errno("make the file");
        TRY(entry.sparse ? write_sparse(file, entry, place.text()) : write_content(file, place.text()));
        auto const fresh = (mode & umask_) == 0 && !parent.hands_down_group ? Fresh::yes : Fresh::no;
        TRY(set_attributes(file, entry, fresh));
        timespec const times[2] = {entry.modified, entry.modified};
        if (futimens(file.number(), times) < 0) return Error::from_errno("set its time");
        return {};
    }

    Result<void> write_content(FdRef file, std::string const& path) {
        std::uint64_t written = 0;
        for (auto part = TRY(reader_.content()); !part.empty(); part = TRY(reader_.content())) {
            TRY(write_all(file, {part.data(), part.size()}).while_doing("write"));
            written += part.size();
        }
        done_.size.count += written;
        return split_ ? split_->add_content(path, 0, written) : Result<void>();
    }

    Result<void> note_piece(std::string const& path, TarEntry::Piece const& piece) {
        done_.size.count += piece.length;
        return split_ ? split_->add_content(path, piece.offset, piece.length) : Result<void>();
    }

    Result<void> write_sparse(FdRef file, TarEntry const& entry, std::string const& path) {
        if (entry.sparse_size > static_cast<std::uint64_t>(INT64_MAX)) return Error::of(EFBIG, "a sparse file of {} bytes", entry.sparse_size);
        std::span<char const> part;
        for (auto const& piece : entry.pieces) {
            if (lseek(file.number(), static_cast<off_t>(piece.offset), SEEK_SET) < 0) return Error::from_errno("seek");
            for (auto left = piece.length; left > 0;) {
                if (part.empty()) part = TRY(reader_.content());
                if (part.empty()) return Error::of(EINVAL, "the sparse file's content is cut off");
                auto const now = part.first(static_cast<std::size_t>(std::min<std::uint64_t>(left, part.size())));
                TRY(write_all(file, {now.data(), now.size()}).while_doing("write"));
                part = part.subspan(now.size());
                left -= now.size();
            }
            TRY(note_piece(path, piece));
        }
        if (ftruncate(file.number(), static_cast<off_t>(entry.sparse_size)) < 0) return Error::from_errno("set its size");
        return {};
    }

    // O_PATH descriptors do not take fchown and the like, so links and nodes are named from their parent.
    Result<void> make_symbolic_link(TarEntry const& entry, Place const& place, ParentCache::Parent parent) {
        if (entry.link.empty()) return Error::of(EINVAL, "a symbolic link to nothing");
        if (symlinkat(entry.link.c_str(), parent.fd.number(), place.leaf.c_str()) < 0) {
            if (errno != EEXIST) return Error::from_errno("make the symbolic link");
            TRY(clear(parent, place));
            if (symlinkat(entry.link.c_str(), parent.fd.number(), place.leaf.c_str()) < 0) return Error::from_errno("make the symbolic link");
        }
        return set_attributes_by_name(entry, place, parent);
    }

    Result<void> make_hard_link(TarEntry const& entry, Place const& place) {
        auto const old = TRY(place_of(entry.link));
        auto const directory = old.directory.empty() ? TRY(duplicate(target_.top()))
                                                     : TRY(target_.open_path(TRY(RootPath::parse(old.directory)), O_PATH | O_DIRECTORY).while_doing("hard link to '{}'", entry.link));
        auto parent = TRY(parents_.open(place.directory));
        for (bool again = false;; again = true) {
            if (linkat(directory.number(), old.leaf.c_str(), parent.fd.number(), place.leaf.c_str(), 0) == 0) return {};
            if (errno != EEXIST || again) return Error::from_errno("hard link to '{}'", entry.link);
            if (old.text() == place.text()) return {};
            TRY(clear(parent, place));
        }
    }

    Result<void> make_node(TarEntry const& entry, Place const& place, ParentCache::Parent parent) {
        auto const type = entry.type == TarEntry::Type::fifo ? S_IFIFO : entry.type == TarEntry::Type::block_device ? S_IFBLK : S_IFCHR;
        auto const device = entry.type == TarEntry::Type::fifo ? dev_t{0} : makedev(entry.device_major, entry.device_minor);
        // It would be a whiteout, which an archive writes in another way.
        if (type == S_IFCHR && device == makedev(0, 0)) return Error::of(EINVAL, "a character device 0:0");
        auto const mode = static_cast<mode_t>(type) | (entry.mode & 0777);
        if (mknodat(parent.fd.number(), place.leaf.c_str(), mode, device) < 0) {
            if (errno == EPERM) return leave_out_device();
            if (errno != EEXIST) return Error::from_errno("make the node");
            TRY(clear(parent, place));
            if (mknodat(parent.fd.number(), place.leaf.c_str(), mode, device) < 0) return errno == EPERM ? leave_out_device() : Error::from_errno("make the node");
        }
        TRY(set_attributes_by_name(entry, place, parent));
        if (fchmodat(parent.fd.number(), place.leaf.c_str(), entry.mode, 0) < 0) return Error::from_errno("set its mode");
        return {};
    }

    // A user namespace may not make devices; a container's /dev is made by its runtime.
    Result<void> leave_out_device() {
        ++done_.devices_left_out;
        return {};
    }

    Result<void> set_attributes_by_name(TarEntry const& entry, Place const& place, ParentCache::Parent parent) {
        if (entry.uid != 0 || entry.gid != 0 || parent.hands_down_group)
            TRY(changed_owner(entry, fchownat(parent.fd.number(), place.leaf.c_str(), static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid), AT_SYMLINK_NOFOLLOW)));
        timespec const times[2] = {entry.modified, entry.modified};
        if (utimensat(parent.fd.number(), place.leaf.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) return Error::from_errno("set its time");
        return {};
    }

    Result<void> changed_owner(TarEntry const& entry, int outcome) {
        bool const too_large = entry.uid >= UINT32_MAX || entry.gid >= UINT32_MAX;
        if (outcome == 0 && !too_large) return {};
        if (!too_large && errno != EINVAL && errno != EPERM && errno != EOVERFLOW) return Error::from_errno("give it to {}:{}", entry.uid, entry.gid);
        if (options_.unmapped_ids == UnmappedIds::give_to_user) {
            ++done_.ids_given_to_user;
            return {};
        }
        return Error::of(EOVERFLOW, "it belongs to {}:{}, which this user has no ids for; add a larger range to /etc/subuid and /etc/subgid", entry.uid, entry.gid);
    }

    // `fresh` says that owner and mode are the entry's already, unless it wants more than a new file has.
    enum class Fresh { no, yes };
    Result<void> set_attributes(FdRef file, TarEntry const& entry, Fresh fresh) {
        bool const is_fresh = fresh == Fresh::yes && !has_default_lists_;
        if (!is_fresh || entry.uid != 0 || entry.gid != 0)
            TRY(changed_owner(entry, fchown(file.number(), static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid))));
        // After the owner: a change of owner takes set-id bits and capabilities away.
        if ((!is_fresh || (entry.mode & 07000) != 0) && fchmod(file.number(), entry.mode) < 0) return Error::from_errno("set its mode");
        for (auto const& [name, value] : entry.attributes) {
            if (!is_kept_attribute(name)) continue;
            if (fsetxattr(file.number(), name.c_str(), value.data(), value.size(), 0) == 0) {
                has_default_lists_ = has_default_lists_ || name == "system.posix_acl_default";
                continue;
            }
            // ext4 says of one that does not fit into its block that the disk is full.
            constexpr std::size_t often_fits = 2048;
            bool const is_too_large = errno == E2BIG || errno == ERANGE || (errno == ENOSPC && value.size() > often_fits);
            if (errno != ENOTSUP && errno != EPERM && errno != EINVAL && !is_too_large) return Error::from_errno("set the xattr {}", name);
            ++done_.attributes_left_out;
        }
        return {};
    }

    TarReader reader_;
    TarSplitWriter* split_;
    Root const& target_;
    UnpackOptions const& options_;
    std::string opaque_;
    ParentCache parents_;
    mode_t umask_ = 0;
    DirectoryTimes directory_times_; // set last, since files made in a directory change its time
    bool has_default_lists_ = false;  // acl(5): somewhere new files get others' rights
    Unpacked done_;
};

} // namespace

Result<Unpacked> unpack_layer(ByteSource& from, Root const& target, UnpackOptions const& options, TarSplitWriter* split) {
    auto opaque = TRY(opaque_attribute(target.top()));
    return LayerUnpacker(from, target, options, std::move(opaque), split).run();
}

Result<bool> copy_directory_attributes(Root const& lower, Root const& upper, std::string_view path_text) {
    auto const path = TRY(RootPath::parse(path_text));
    auto const from = lower.open_path(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!from) return from.error().is(ENOENT) || from.error().is(ENOTDIR) || from.error().is(ELOOP) ? Result<bool>(false) : from.error();
    auto const to = TRY(upper.open_path(path, O_RDONLY | O_DIRECTORY));
    auto const look = TRY(stat_fd(from.value()));
    if (fchown(to.number(), look.st_uid, look.st_gid) < 0) return Error::from_errno("give '{}' to {}:{}", path, look.st_uid, look.st_gid);
    if (fchmod(to.number(), look.st_mode & 07777) < 0) return Error::from_errno("set the mode of '{}'", path);
    timespec const times[2] = {look.st_mtim, look.st_mtim};
    if (futimens(to.number(), times) < 0) return Error::from_errno("set the time of '{}'", path);
    return true;
}

} // namespace bolt::image
