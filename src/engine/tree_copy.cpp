#include "engine/tree_copy.h"

#include <map>

#include <fcntl.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/file_copy.h"

namespace bolt::engine {

namespace {

Result<std::uint32_t> mapped(std::uint32_t id, std::vector<IdRange> const& map, std::string_view kind) {
    if (map.empty()) return id;
    for (auto const& range : map)
        if (id >= range.inside && id - range.inside < range.count) return range.outside + (id - range.inside);
    return Error::of(EOVERFLOW, "a file belongs to {} {}, for which the container has no id", kind, id);
}

struct Owner {
    uid_t uid;
    gid_t gid;
};
Result<Owner> owner_of(struct stat const& status, OwnerMap const& owners) {
    auto const uid = TRY(mapped(status.st_uid, owners.users, "user"));
    auto const gid = TRY(mapped(status.st_gid, owners.groups, "group"));
    return Owner{uid, gid};
}

Result<void> set_attributes(struct stat const& status, Owner owner, FdRef target) {
    if (fchown(target.number(), owner.uid, owner.gid) < 0) return Error::from_errno("give a file to user {} and group {}", owner.uid, owner.gid);
    if (fchmod(target.number(), status.st_mode & 07777) < 0) return Error::from_errno("set a file's mode");
    timespec const times[2] = {status.st_atim, status.st_mtim};
    if (futimens(target.number(), times) < 0) return Error::from_errno("set a file's times");
    return {};
}

Result<void> set_owner_of_name(FdRef directory, std::string const& name, Owner owner) {
    if (fchownat(directory.number(), name.c_str(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) < 0) return Error::from_errno("give '{}' its owner", name);
    return {};
}

class Copier {
public:
    Copier(FdRef top, OwnerMap const& owners) : top_(top), owners_(owners) {}
    // `path` is the directory's own within the copy, "" or ending in a slash.
    Result<void> copy_contents_of(ImageNode const& source, FdRef target, std::string const& path);

private:
    struct Place {
        FdRef directory;
        std::string name, path;
    };
    Result<void> copy_entry(ImageNode const& source, Place const& place);
    Result<void> copy_directory(ImageNode const& source, Place const& place);
    Result<void> copy_file(ImageNode const& source, Place const& place);
    Result<void> copy_link(ImageNode const& source, Place const& place);
    Result<void> copy_special(ImageNode const& source, Place const& place);

    FdRef top_;
    OwnerMap const& owners_;
    std::map<std::pair<dev_t, ino_t>, std::string> linked_; // files with several names: the one that was copied
};

Result<void> Copier::copy_file(ImageNode const& source, Place const& place) {
    auto const from = TRY(open_again(source.file, O_RDONLY));
    auto const to = TRY(open_at(place.directory, place.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(copy_file_contents(from, to));
    TRY(set_attributes(source.status, TRY(owner_of(source.status, owners_)), to));
    copy_extended_attributes(from, to); // after the owner: chown(2) takes capabilities away
    return {};
}

Result<void> Copier::copy_link(ImageNode const& source, Place const& place) {
    auto const text = TRY(read_held_symlink(source.file, source.status));
    if (symlinkat(text.c_str(), place.directory.number(), place.name.c_str()) < 0) return Error::from_errno("make the link '{}'", place.name);
    return set_owner_of_name(place.directory, place.name, TRY(owner_of(source.status, owners_)));
}

Result<void> Copier::copy_special(ImageNode const& source, Place const& place) {
    if (S_ISSOCK(source.status.st_mode)) return {};
    if (mknodat(place.directory.number(), place.name.c_str(), source.status.st_mode, source.status.st_rdev) < 0)
        return Error::from_errno("make the special file '{}'", place.name);
    return set_owner_of_name(place.directory, place.name, TRY(owner_of(source.status, owners_)));
}

Result<void> Copier::copy_directory(ImageNode const& source, Place const& place) {
    if (mkdirat(place.directory.number(), place.name.c_str(), 0700) < 0) return Error::from_errno("make directory '{}'", place.name);
    auto const made = TRY(open_at(place.directory, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(copy_contents_of(source, made, place.path + "/"));
    return copy_attributes(source, made, owners_);
}

Result<void> Copier::copy_entry(ImageNode const& source, Place const& place) {
    if (source.is_directory()) return copy_directory(source, place);
    if (source.status.st_nlink > 1) {
        auto const [known, is_first] = linked_.try_emplace({source.status.st_dev, source.status.st_ino}, place.path);
        if (!is_first) {
            if (linkat(top_.number(), known->second.c_str(), place.directory.number(), place.name.c_str(), 0) < 0) return Error::from_errno("link '{}' to '{}'", place.name, known->second);
            return {};
        }
    }
    if (S_ISREG(source.status.st_mode)) return copy_file(source, place);
    if (S_ISLNK(source.status.st_mode)) return copy_link(source, place);
    return copy_special(source, place);
}

Result<void> Copier::copy_contents_of(ImageNode const& source, FdRef target, std::string const& path) {
    for (auto const& name : TRY(ImageTree::list(source)))
        if (auto const child = TRY(ImageTree::find_child(source, name))) TRY(copy_entry(*child, {target, name, path + name}).while_doing("copy '{}'", name));
    return {};
}

} // namespace

Result<void> copy_tree(ImageNode const& source, FdRef target, OwnerMap const& owners) {
    TRY(Copier(target, owners).copy_contents_of(source, target, ""));
    return copy_attributes(source, target, owners);
}

Result<void> copy_attributes(ImageNode const& source, FdRef target, OwnerMap const& owners) {
    // Asked again: the node may have been found in another user namespace, where the same owner has another number.
    auto const status = TRY(stat_fd(source.directories.front()));
    TRY(set_attributes(status, TRY(owner_of(status, owners)), target));
    copy_extended_attributes(source.directories.front(), target);
    return {};
}

} // namespace bolt::engine
