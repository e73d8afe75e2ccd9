#include "image/difference.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <tuple>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/limits.h>
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
using Inode = std::pair<dev_t, ino_t>;

// It is not there, or is no place that unpacking could have come to.
bool is_absent(Error const& error) { return error.is(ENOENT) || error.is(ENOTDIR) || error.is(ELOOP) || error.is(ENAMETOOLONG) || error.is(EINVAL); }

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

    Result<Compared> run() {
        while (auto const entry = TRY(reader_.next())) TRY(add(*entry).while_doing("'{}'", entry->name));
        TRY(reader_.finish());
        Compared compared;
        compared.difference = TRY(first_difference());
        compared.size.count = size_;
        compared.archive.count = reader_.position();
        compared.implied.assign(implied_.begin(), implied_.end());
        return compared;
    }

private:
    Result<std::optional<std::string>> first_difference() {
        // What came later in the archive replaced what came before.
        for (auto const& [place, here] : expected_)
            if (here.difference) return here.difference;
        for (auto const& link : broken_links_) {
            auto const target = expected_.find(link.target);
            auto const own = expected_.find(link.own);
            bool const still_counts = own != expected_.end() && own->second.entry == link.entry && (target == expected_.end() || target->second.entry < link.entry);
            if (still_counts) return std::optional(link.difference);
        }
        if (auto surplus = TRY(find_surplus())) return surplus;
        // Last: a directory's time changes with what is in it, which tells more.
        for (auto const& [place, here] : expected_)
            if (here.attributes) return here.attributes;
        return directory_attributes_;
    }

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
    using Attributes = decltype(TarEntry::attributes);
    struct Found {
        UniqueFd parent;
        std::string leaf, shown;
    };

    Result<std::optional<std::pair<Found, Place>>> place_of(RootPath const& path) {
        using There = std::optional<std::pair<Found, Place>>;
        auto parent = files_.open_parent(path);
        if (!parent) return is_absent(parent.error()) ? Result<There>(std::nullopt) : parent.error();
        auto const directory = TRY(stat_fd(parent.value()));
        Place place{directory.st_dev, directory.st_ino, std::string(path.name())};
        return There(std::pair(Found{std::move(parent).value(), std::string(path.name()), path.absolute_text()}, std::move(place)));
    }

    // Directories that the archive has files in and does not describe, or not yet.
    Result<void> expect_parents(RootPath const& path) {
        for (auto parent = path.parent(); !parent.is_top() && parents_.insert(parent.text()).second; parent = parent.parent())
            if (auto const place = TRY(place_of(parent)); place && expected_.try_emplace(place->second).second) implied_.insert(parent.text());
        return {};
    }

    Result<void> add(TarEntry const& entry) {
        auto const path = TRY(RootPath::parse_clamped(entry.name));
        if (path.is_top()) {
            top_attributes_ = entry.attributes;
            return {};
        }
        auto const name = std::string(path.name());
        bool const hides = name.starts_with(".wh."), is_opaque = name == ".wh..wh..opq";
        if (name.starts_with(".wh..wh.") && !is_opaque) return {};
        TRY(expect_parents(path));
        if (is_opaque) return expect_opaque(path.parent(), Opaque::always);
        auto const shown = hides ? TRY(path.parent().child(name.substr(4))) : path;
        auto const place = TRY(place_of(shown));
        if (!place) return {}; // its directory is missing, which that one's own entry tells
        auto const& [found, key] = *place;
        if (hides) TRY(expect_opaque(shown, Opaque::perhaps));
        // Beside something of its own a layer's whiteout leaves no other trace.
        if (hides && expected_.contains(key)) return {};
        Expected here;
        here.entry = ++entries_;
        here.difference = hides ? TRY(difference_of_whiteout(found)) : TRY(difference_of(entry, found, key));
        if (!hides && !here.difference) here.attributes = TRY(difference_of_attributes(entry, found));
        if (entry.type == TarEntry::Type::directory) implied_.erase(path.text());
        if (entry.type == TarEntry::Type::file && !hides) size_ += size_of_content(entry);
        expected_.insert_or_assign(key, std::move(here));
        return {};
    }

    static std::uint64_t size_of_content(TarEntry const& entry) {
        if (!entry.sparse) return entry.size;
        std::uint64_t size = 0;
        for (auto const& piece : entry.pieces) size += piece.length;
        return size;
    }

    // A directory hides what is below it when the archive says so, or when it replaced a whiteout.
    enum class Opaque { perhaps, always };
    Result<void> expect_opaque(RootPath const& directory, Opaque how) {
        auto const there = files_.open_path(directory, O_PATH | O_DIRECTORY);
        if (!there) return is_absent(there.error()) ? Result<void>() : there.error();
        auto const look = TRY(stat_fd(there.value()));
        opaque_.try_emplace(Inode(look.st_dev, look.st_ino), Opaque::perhaps).first->second = how;
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
        if (!is_kind(entry.type, look.st_mode)) {
            was_replaced_ = true; // or is damaged
            return Difference(fmt::format("'{}' is of another kind", found.shown));
        }
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
        bool const is_given_them = entry.type == TarEntry::Type::file || entry.type == TarEntry::Type::directory;
        return difference_of_extended_attributes(is_given_them ? entry.attributes : Attributes(), fmt::format("/proc/self/fd/{}/{}", found.parent.number(), found.leaf), shown);
    }

    static constexpr auto file_capabilities = "security.capability"; // capabilities(7)

    // Others are not from archives: system.* the file system's, ACLs with them (what the mode says as well the kernel does not keep, and
    // directories hand theirs down), and what is security.* a security module's.
    static bool is_compared(std::string_view name) { return name.starts_with("user.") || name.starts_with("trusted.") || name == file_capabilities; }
    static bool is_opaque_mark(std::string_view name) { return name == "trusted.overlay.opaque" || name == "user.overlay.opaque"; }

    // A directory's mark of being opaque is looked at with all directories.
    Result<std::optional<std::string>> difference_of_extended_attributes(Attributes const& attributes, std::string const& file, std::string const& shown) const {
        using Difference = std::optional<std::string>;
        std::set<std::string, std::less<>> may_be_there;
        for (auto const& [name, expected] : attributes) {
            if (name != file_capabilities && (!name.starts_with("user.") || name.starts_with("user.overlay."))) continue;
            may_be_there.insert(name);
            auto const value = find_attribute(file, name);
            if (!value && (errno == EIO || errno == ENOMEM)) return Error::from_errno("read the extended attribute {} of '{}'", name, shown);
            bool const is_same = value && (name == file_capabilities ? is_same_capabilities(*value, expected) : *value == expected);
            // Unpacking leaves out what the file system does not take (ENOTSUP), and capabilities that make no sense or that may not be given.
            bool const may_be_missing = !value && ((errno != ENODATA && errno != EOVERFLOW) || (name == file_capabilities && !(can_give_capabilities_ && is_same_capabilities(expected, expected))));
            if (!is_same && !may_be_missing) return Difference(fmt::format("'{}' has {} the extended attribute {}", shown, value ? "another value of" : "lost", name));
        }
        for (auto const& name : TRY(names_of_attributes(file, shown))) {
            if (!is_compared(name) || is_opaque_mark(name) || may_be_there.contains(name)) continue;
            return Difference(name == file_capabilities ? fmt::format("'{}' has capabilities that it should not have", shown) : fmt::format("'{}' has the extended attribute {}, which it should not have", shown, name));
        }
        return Difference();
    }

    static Result<std::vector<std::string>> names_of_attributes(std::string const& file, std::string const& shown) {
        std::vector<std::string> names;
        std::string list(1024, '\0');
        auto length = llistxattr(file.c_str(), list.data(), list.size());
        if (length < 0 && errno == ERANGE) {
            list.resize(XATTR_LIST_MAX);
            length = llistxattr(file.c_str(), list.data(), list.size());
        }
        if (length < 0 && errno != ENOTSUP) return Error::from_errno("list the extended attributes of '{}'", shown);
        for (std::size_t at = 0; length > 0 && at < static_cast<std::size_t>(length); at += names.back().size() + 1) names.emplace_back(list.c_str() + at);
        return names;
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
        auto const other = TRY(place_of(TRY(RootPath::parse_clamped(entry.link))));
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
                auto const count = same ? pread(file.number(), read.data(), length, static_cast<off_t>(pieces[at].offset)) : 0;
                if (count < 0) return Error::from_errno("read '{}'", found.shown);
                same = same && count == static_cast<ssize_t>(length) && std::memcmp(read.data(), bytes.data(), length) == 0;
                bytes = bytes.subspan(length);
                pieces[at].offset += length;
                pieces[at].length -= length;
                while (at < pieces.size() && pieces[at].length == 0) ++at;
            }
        return same;
    }

    // Something that no entry of the archive speaks of. Directories wait by their paths: open ones would be as many as the tree is deep.
    Result<std::optional<std::string>> find_surplus() {
        std::vector<Waiting> waiting;
        waiting.push_back({RootPath(), false});
        while (!waiting.empty()) {
            auto const next = std::move(waiting.back());
            waiting.pop_back();
            if (auto found = TRY(find_surplus_in(next, waiting))) return found;
        }
        return std::optional<std::string>();
    }

    struct Waiting {
        RootPath path;
        bool is_described; // its attributes were compared
    };
    Result<std::optional<std::string>> find_surplus_in(Waiting const& here, std::vector<Waiting>& waiting) {
        auto const directory = TRY(files_.open_path(here.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        auto const look = TRY(stat_fd(directory));
        if (!directory_attributes_) directory_attributes_ = TRY(difference_of_directory(here, directory, Inode(look.st_dev, look.st_ino)));
        for (auto const& name : TRY(list_directory(FdRef(directory)))) {
            auto path = TRY(here.path.child(name));
            auto const expected = expected_.find(Place{look.st_dev, look.st_ino, name});
            if (expected == expected_.end()) return std::optional(fmt::format("'{}' is not in the archive", path.absolute_text()));
            struct stat child {};
            if (fstatat(directory.number(), name.c_str(), &child, AT_SYMLINK_NOFOLLOW) < 0) return Error::from_errno("look at '{}'", path);
            if (S_ISDIR(child.st_mode)) waiting.push_back({std::move(path), expected->second.entry > 0});
        }
        return std::optional<std::string>();
    }

    // Whether it is opaque, and what it has otherwise when no entry speaks of it.
    Result<std::optional<std::string>> difference_of_directory(Waiting const& here, FdRef directory, Inode const& inode) const {
        using Difference = std::optional<std::string>;
        auto const shown = here.path.absolute_text();
        auto const file = fmt::format("/proc/self/fd/{}/.", directory.number());
        auto const names = TRY(names_of_attributes(file, shown));
        bool const is_opaque = std::ranges::any_of(names, is_opaque_mark);
        auto const expected = opaque_.find(inode);
        if (is_opaque && expected == opaque_.end()) return Difference(fmt::format("'{}' hides what is below it, which it should not", shown));
        // Of a directory that was replaced meanwhile the archive may have said so before.
        if (!is_opaque && expected != opaque_.end() && expected->second == Opaque::always && !was_replaced_) return Difference(fmt::format("'{}' does not hide what is below it any more", shown));
        if (here.is_described) return Difference();
        return difference_of_extended_attributes(here.path.is_top() ? top_attributes_ : Attributes(), file, shown);
    }

    Root const& files_;
    ArchiveContents contents_;
    UnmappedIds unmapped_ids_;
    TarReader reader_;
    std::map<Place, Expected> expected_;
    std::vector<Link> broken_links_;
    std::size_t entries_ = 0;
    std::set<std::string> parents_; // that were looked at
    std::set<std::string> implied_; // so that parents come first
    std::map<Inode, Opaque> opaque_;
    Attributes top_attributes_;
    std::optional<std::string> directory_attributes_;
    std::uint64_t size_ = 0;
    bool was_replaced_ = false;
    bool can_give_capabilities_ = [] {
        auto const own = own_capabilities();
        return own && (own.value().effective >> CAP_SETFCAP & 1) != 0;
    }();
};

} // namespace

Result<Compared> find_difference(ByteSource& archive, Root const& files, ArchiveContents contents, UnmappedIds unmapped_ids) {
    return Comparison(archive, files, contents, unmapped_ids).run();
}

} // namespace bolt::image
