#include "image/difference.h"

#include <cstring>
#include <map>
#include <set>
#include <tuple>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/tar_reader.h"
#include "sys/credentials.h"
#include "sys/file.h"

namespace bolt::image {

namespace {

using Place = std::tuple<dev_t, ino_t, std::string>; // the directory and the name in it

bool is_kind(TarEntry::Type type, mode_t mode) {
    switch (type) {
    case TarEntry::Type::file: return S_ISREG(mode);
    case TarEntry::Type::hard_link: return true; // of whatever the other name is
    case TarEntry::Type::symbolic_link: return S_ISLNK(mode);
    case TarEntry::Type::character_device: return S_ISCHR(mode);
    case TarEntry::Type::block_device: return S_ISBLK(mode);
    case TarEntry::Type::directory: return S_ISDIR(mode);
    case TarEntry::Type::fifo: return S_ISFIFO(mode);
    }
    return false;
}

class Comparison {
public:
    Comparison(ByteSource& archive, Root const& files, ArchiveContents contents, UnmappedIds unmapped_ids) : files_(files), contents_(contents), unmapped_ids_(unmapped_ids), reader_(archive) {}

    Result<std::optional<std::string>> run() {
        while (auto const entry = TRY(reader_.next())) TRY(add(*entry).while_doing("'{}'", entry->name));
        TRY(reader_.finish());
        // What came later in the archive replaced what came before.
        for (auto const& [place, here] : expected_)
            if (here.difference) return here.difference;
        for (auto const& link : broken_links_) {
            auto const target = expected_.find(link.target);
            auto const own = expected_.find(link.own);
            bool const still_counts = own != expected_.end() && own->second.entry == link.entry && (target == expected_.end() || target->second.entry < link.entry);
            if (still_counts) return std::optional(link.difference);
        }
        if (auto surplus = TRY(find_surplus(files_.top(), ""))) return surplus;
        // Last: a directory's time changes with what is in it, which tells more.
        for (auto const& [place, here] : expected_)
            if (here.attributes) return here.attributes;
        return std::optional<std::string>();
    }

private:
    struct Expected {
        std::optional<std::string> difference = {}, attributes = {}; // what is wrong there
        std::size_t entry = 0;                                       // the archive's last one about it
    };
    // A hard link is of what had the other name when it was made.
    struct Link {
        Place own, target;
        std::size_t entry;
        std::string difference;
    };
    struct Found {
        UniqueFd parent;
        std::string leaf, shown;
    };

    std::optional<std::pair<Found, Place>> place_of(RootPath const& path) {
        auto parent = files_.open_parent(path);
        struct stat directory {};
        if (!parent || fstat(parent.value().number(), &directory) < 0) return std::nullopt;
        Place place{directory.st_dev, directory.st_ino, std::string(path.name())};
        return std::pair(Found{std::move(parent).value(), std::string(path.name()), path.absolute_text()}, std::move(place));
    }

    // Directories that the archive has files in and does not describe.
    void expect_parents(RootPath const& path) {
        for (auto parent = path.parent(); !parent.is_top() && parents_.insert(parent.text()).second; parent = parent.parent())
            if (auto const place = place_of(parent)) expected_.try_emplace(place->second);
    }

    Result<void> add(TarEntry const& entry) {
        auto const path = TRY(RootPath::parse_clamped(entry.name));
        if (path.is_top()) return {};
        expect_parents(path);
        auto const name = std::string(path.name());
        bool const hides = name.starts_with(".wh.");
        if (name.starts_with(".wh..wh.")) return {};
        auto const place = place_of(hides ? TRY(path.parent().child(name.substr(4))) : path);
        if (!place) return {}; // its directory is missing, which that one's own entry tells
        auto const& [found, key] = *place;
        // Beside something of its own a layer's whiteout leaves no trace.
        if (hides && expected_.contains(key)) return {};
        Expected here;
        here.entry = ++entries_;
        here.difference = hides ? TRY(difference_of_whiteout(found)) : TRY(difference_of(entry, found, key));
        if (!hides && !here.difference) here.attributes = TRY(difference_of_attributes(entry, found));
        expected_.insert_or_assign(key, std::move(here));
        return {};
    }

    // None when it is not there.
    static Result<std::optional<struct stat>> find_status(Found const& found) {
        struct stat look {};
        if (fstatat(found.parent.number(), found.leaf.c_str(), &look, AT_SYMLINK_NOFOLLOW) == 0) return std::optional(look);
        if (errno == ENOENT || errno == ENOTDIR) return std::optional<struct stat>();
        return Error::from_errno("look at '{}'", found.shown);
    }

    static Result<std::optional<std::string>> difference_of_whiteout(Found const& found) {
        auto const look = TRY(find_status(found)); // a whiteout, or what came later
        return look ? std::optional<std::string>() : std::optional(fmt::format("what hides '{}' is missing", found.shown));
    }

    Result<std::optional<std::string>> difference_of(TarEntry const& entry, Found const& found, Place const& place) {
        using Difference = std::optional<std::string>;
        bool const is_device = entry.type == TarEntry::Type::character_device || entry.type == TarEntry::Type::block_device;
        auto const there = TRY(find_status(found));
        if (!there) return is_device ? Difference() : Difference(fmt::format("'{}' is missing", found.shown)); // one that may not be made here was left out
        auto const& look = *there;
        if (!is_kind(entry.type, look.st_mode)) return Difference(fmt::format("'{}' is of another kind", found.shown));
        if (is_device && look.st_rdev != makedev(entry.device_major, entry.device_minor)) return Difference(fmt::format("'{}' is another device", found.shown));
        if (entry.type == TarEntry::Type::symbolic_link && TRY(link_target(found)) != entry.link) return Difference(fmt::format("'{}' leads elsewhere", found.shown));
        if (entry.type == TarEntry::Type::hard_link) TRY(check_link(entry, found, place, look));
        if (entry.type != TarEntry::Type::file) return Difference();
        auto const size = entry.sparse ? entry.sparse_size : entry.size;
        if (static_cast<std::uint64_t>(look.st_size) != size) return Difference(fmt::format("'{}' has {} bytes, not {}", found.shown, look.st_size, size));
        if (contents_ == ArchiveContents::of_its_own && !TRY(has_content(entry, found))) return Difference(fmt::format("'{}' has other contents", found.shown));
        return Difference();
    }

    // It may have been given to the user, or be one that is not mapped now and looks like the kernel's overflow id (user_namespaces(7)).
    bool is_right_id(std::uint64_t found, std::uint64_t expected) const {
        constexpr std::uint64_t overflow_id = 65534;
        return found == expected || (unmapped_ids_ == UnmappedIds::give_to_user && (found == 0 || found == overflow_id));
    }

    Result<std::optional<std::string>> difference_of_attributes(TarEntry const& entry, Found const& found) const {
        using Difference = std::optional<std::string>;
        auto const there = entry.type == TarEntry::Type::hard_link ? std::nullopt : TRY(find_status(found));
        if (!there) return Difference();
        auto const& look = *there;
        auto const& shown = found.shown;
        constexpr unsigned permissions = 07777;
        if (!S_ISLNK(look.st_mode) && (look.st_mode & permissions) != (entry.mode & permissions))
            return Difference(fmt::format("'{}' has mode {:04o}, not {:04o}", shown, look.st_mode & permissions, entry.mode & permissions));
        if (!is_right_id(look.st_uid, entry.uid) || !is_right_id(look.st_gid, entry.gid))
            return Difference(fmt::format("'{}' belongs to {}:{}, not {}:{}", shown, look.st_uid, look.st_gid, entry.uid, entry.gid));
        // What every file system can hold.
        bool const is_usual = entry.modified.tv_sec >= 0 && entry.modified.tv_sec <= INT32_MAX;
        if (is_usual && look.st_mtim.tv_sec != entry.modified.tv_sec) return Difference(fmt::format("'{}' was modified at {}, not {}", shown, look.st_mtim.tv_sec, entry.modified.tv_sec));
        return entry.type == TarEntry::Type::file ? difference_of_extended_attributes(entry, found) : Difference();
    }

    static constexpr auto file_capabilities = "security.capability"; // capabilities(7)

    // ACLs are left out: what the mode says as well the kernel does not keep.
    Result<std::optional<std::string>> difference_of_extended_attributes(TarEntry const& entry, Found const& found) const {
        using Difference = std::optional<std::string>;
        auto const file = fmt::format("/proc/self/fd/{}/{}", found.parent.number(), found.leaf);
        bool may_have_capabilities = false;
        for (auto const& [name, expected] : entry.attributes) {
            may_have_capabilities = may_have_capabilities || name == file_capabilities;
            if (name != file_capabilities && (!name.starts_with("user.") || name.starts_with("user.overlay."))) continue;
            auto const value = find_attribute(file, name);
            bool const is_same = value && (name == file_capabilities ? is_same_capabilities(*value, expected) : *value == expected);
            // Unpacking leaves out what the file system does not take (ENOTSUP), and capabilities that make no sense or that may not be given.
            bool const may_be_missing = !value && ((errno != ENODATA && errno != EOVERFLOW) || (name == file_capabilities && !(can_give_capabilities_ && is_same_capabilities(expected, expected))));
            if (!is_same && !may_be_missing) return Difference(fmt::format("'{}' has {} the extended attribute {}", found.shown, value ? "another value of" : "lost", name));
        }
        // EOVERFLOW: they are another user namespace's.
        if (!may_have_capabilities && (lgetxattr(file.c_str(), file_capabilities, nullptr, 0) >= 0 || errno == EOVERFLOW)) return Difference(fmt::format("'{}' has capabilities that it should not have", found.shown));
        return Difference();
    }

    // struct vfs_cap_data of revision 2, or 3, whose last word is whose they are: what they allow.
    static bool is_same_capabilities(std::string const& one, std::string const& other) {
        constexpr std::size_t magic = 4, sets = 16;
        constexpr char effective = 1;
        bool const are_whole = one.size() >= magic + sets && other.size() >= magic + sets;
        return are_whole && (one[0] & effective) == (other[0] & effective) && one.compare(magic, sets, other, magic, sets) == 0;
    }

    // None, with errno, when it cannot be read.
    static std::optional<std::string> find_attribute(std::string const& file, std::string const& name) {
        auto const size = lgetxattr(file.c_str(), name.c_str(), nullptr, 0);
        if (size < 0) return std::nullopt;
        std::string value(static_cast<std::size_t>(size), '\0');
        return lgetxattr(file.c_str(), name.c_str(), value.data(), value.size()) == size ? std::optional(std::move(value)) : std::nullopt;
    }

    static Result<std::string> link_target(Found const& found) {
        auto const link = TRY(open_at(found.parent, found.leaf, O_PATH | O_NOFOLLOW));
        return read_symlink(FdRef(link));
    }

    Result<void> check_link(TarEntry const& entry, Found const& found, Place const& own, struct stat const& look) {
        auto const other = place_of(TRY(RootPath::parse_clamped(entry.link)));
        struct stat first {};
        if (other && fstatat(other->first.parent.number(), other->first.leaf.c_str(), &first, AT_SYMLINK_NOFOLLOW) == 0 && first.st_ino == look.st_ino && first.st_dev == look.st_dev) return {};
        if (other) broken_links_.push_back({own, other->second, entries_, fmt::format("'{}' is no name of '{}' any more", found.shown, entry.link)});
        return {};
    }

    Result<bool> has_content(TarEntry const& entry, Found const& found) {
        auto const file = TRY(open_at(found.parent, found.leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
        auto pieces = entry.sparse ? entry.pieces : std::vector<TarEntry::Piece>{{0, entry.size}};
        std::size_t at = 0;
        std::vector<char> read;
        bool same = true;
        for (auto bytes = TRY(reader_.content()); !bytes.empty(); bytes = TRY(reader_.content()))
            while (!bytes.empty() && at < pieces.size()) {
                auto const length = std::min<std::uint64_t>(bytes.size(), pieces[at].length);
                read.resize(length);
                same = same && pread(file.number(), read.data(), length, static_cast<off_t>(pieces[at].offset)) == static_cast<ssize_t>(length) && std::memcmp(read.data(), bytes.data(), length) == 0;
                bytes = bytes.subspan(length);
                pieces[at].offset += length;
                pieces[at].length -= length;
                while (at < pieces.size() && pieces[at].length == 0) ++at;
            }
        return same;
    }

    // Something that no entry of the archive speaks of.
    Result<std::optional<std::string>> find_surplus(FdRef directory, std::string const& path) {
        auto const held = TRY(open_again(directory, O_RDONLY | O_DIRECTORY));
        struct stat status {};
        if (fstat(held.number(), &status) < 0) return Error::from_errno("look at '{}'", path);
        for (auto const& name : TRY(list_directory(FdRef(held)))) {
            auto const shown = path + "/" + name;
            if (!expected_.contains(Place{status.st_dev, status.st_ino, name})) return std::optional(fmt::format("'{}' is not in the archive", shown));
            auto const child = open_at(held, name, O_PATH | O_NOFOLLOW | O_DIRECTORY);
            if (!child) continue;
            if (auto found = TRY(find_surplus(child.value(), shown))) return found;
        }
        return std::optional<std::string>();
    }

    Root const& files_;
    ArchiveContents contents_;
    UnmappedIds unmapped_ids_;
    TarReader reader_;
    std::map<Place, Expected> expected_;
    std::vector<Link> broken_links_;
    std::size_t entries_ = 0;
    std::set<std::string> parents_; // that were looked at
    bool can_give_capabilities_ = [] {
        auto const own = own_capabilities();
        return own && (own.value().effective >> CAP_SETFCAP & 1) != 0;
    }();
};

} // namespace

Result<std::optional<std::string>> find_difference(ByteSource& archive, Root const& files, ArchiveContents contents, UnmappedIds unmapped_ids) {
    return Comparison(archive, files, contents, unmapped_ids).run();
}

} // namespace bolt::image
