#include "engine/container_tree.h"

#include <algorithm>
#include <map>
#include <set>

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/image_tree.h"
#include "engine/record.h"
#include "image/file_source.h"
#include "monitor/request.h"
#include "spec/runtime.h"
#include "sys/file.h"
#include "sys/layered_mount.h"

namespace bolt::engine {

namespace {

struct Tree {
    oci::OverlayRoot overlay;
    std::vector<spec::IdMapping> users, groups; // empty: ids are as they are
    std::set<std::string> mount_points;         // "etc/hosts"
};

Result<Tree> tree_of(Container const& container) {
    auto const request = TRY(monitor::parse_request(TRY(request_of(container.record))));
    if (!request.overlay) return Error::of(ENOTSUP, "container '{}' has no layers of its own", container.record.name);
    auto const spec = TRY(spec::parse_runtime(request.spec));
    Tree tree{*request.overlay, spec.linux_.uid_mappings, spec.linux_.gid_mappings, {}};
    for (auto const& mount : spec.mounts) tree.mount_points.insert(TRY(RootPath::parse_clamped(mount.destination)).text());
    return tree;
}

// An empty file or directory that the image does not have and something was mounted on.
bool is_mount_point(Tree const& tree, std::string const& path, struct stat const& status, std::optional<ImageNode> const& below) {
    return !below && tree.mount_points.contains(path) && (S_ISDIR(status.st_mode) || (S_ISREG(status.st_mode) && status.st_size == 0));
}

std::uint64_t id_inside(std::vector<spec::IdMapping> const& mappings, std::uint64_t id) {
    for (auto const& range : mappings)
        if (id >= range.host_id && id - range.host_id < range.size) return range.container_id + (id - range.host_id);
    return id;
}

std::string below(std::string const& directory, std::string const& name) { return directory.empty() ? name : directory + "/" + name; }

// Whether nothing of a directory is in the upper layer but mount points and the way to them. `image`: what the image has there, or none.
bool is_way_to_mount_points(Tree const& tree, std::string const& path, FdRef directory, std::optional<ImageNode> const& image) {
    auto const now = stat_fd(directory);
    auto const names = list_directory(directory);
    if (!now || !names || names.value().empty() || is_opaque(directory)) return false;
    // As the image has it, or as it is made for a mount.
    auto const& look = now.value();
    bool const is_untouched = image ? image->is_directory() && look.st_mode == image->status.st_mode && look.st_uid == image->status.st_uid && look.st_gid == image->status.st_gid
                                    : (look.st_mode & 07777) == 0755 && id_inside(tree.users, look.st_uid) == 0 && id_inside(tree.groups, look.st_gid) == 0;
    if (!is_untouched) return false;
    return std::ranges::all_of(names.value(), [&](std::string const& name) {
        struct stat status {};
        auto const was = image ? ImageTree::find_child(*image, name) : Result<std::optional<ImageNode>>(std::nullopt);
        if (!was || fstatat(directory.number(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) return false;
        if (is_mount_point(tree, below(path, name), status, was.value())) return true;
        if (!S_ISDIR(status.st_mode)) return false;
        auto const inner = open_at(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        return inner && is_way_to_mount_points(tree, below(path, name), inner.value(), was.value());
    });
}

// Overlay's own marks say nothing to anybody else.
bool travels(std::string_view name) {
    return name == "security.capability" || name == "system.posix_acl_access" || name == "system.posix_acl_default" || (name.starts_with("user.") && !name.starts_with("user.overlay."));
}

Result<std::vector<std::pair<std::string, std::string>>> attributes_of(FdRef file) {
    std::vector<std::pair<std::string, std::string>> attributes;
    std::string names(64 * 1024, '\0');
    auto const length = flistxattr(file.number(), names.data(), names.size());
    if (length < 0 && errno == ENOTSUP) return attributes;
    if (length < 0) return Error::from_errno("list the extended attributes");
    std::string value(64 * 1024, '\0');
    for (auto const name : split(std::string_view(names).substr(0, static_cast<std::size_t>(length)), '\0')) {
        if (!travels(name)) continue;
        auto const size = fgetxattr(file.number(), std::string(name).c_str(), value.data(), value.size());
        if (size < 0) return Error::from_errno("read the extended attribute '{}'", name);
        attributes.emplace_back(name, value.substr(0, static_cast<std::size_t>(size)));
    }
    return attributes;
}

image::TarEntry::Type type_of(mode_t mode) {
    using Type = image::TarEntry::Type;
    switch (mode & S_IFMT) {
    case S_IFDIR: return Type::directory;
    case S_IFLNK: return Type::symbolic_link;
    case S_IFCHR: return Type::character_device;
    case S_IFBLK: return Type::block_device;
    case S_IFIFO: return Type::fifo;
    default: return Type::file;
    }
}

class Archiving {
public:
    Archiving(Tree const& tree, image::TarWriter& archive) : tree_(tree), archive_(archive) {}

    // `held`: a directory, or anything else by O_PATH.
    Result<void> add(std::string const& path, struct stat const& status, FdRef held) {
        // In a layer it would hide something, and everything below it (layer.md, "Whiteouts").
        if (auto const name = path.substr(path.rfind('/') + 1); name.starts_with(".wh."))
            return Error::of(EINVAL, "names that begin with '.wh.' mean something else in an image; rename it, or remove it");
        if (S_ISSOCK(status.st_mode)) return {}; // nothing in an archive stands for one
        image::TarEntry entry;
        entry.type = type_of(status.st_mode);
        entry.name = path + (S_ISDIR(status.st_mode) ? "/" : "");
        entry.mode = status.st_mode & 07777;
        entry.uid = id_inside(tree_.users, status.st_uid);
        entry.gid = id_inside(tree_.groups, status.st_gid);
        entry.modified = status.st_mtim;
        entry.device_major = major(status.st_rdev);
        entry.device_minor = minor(status.st_rdev);
        if (S_ISLNK(status.st_mode)) entry.link = TRY(read_symlink(held));
        if (auto const first = first_name(path, status); !first.empty()) {
            entry.type = image::TarEntry::Type::hard_link;
            entry.link = first;
            return archive_.add(entry, nullptr);
        }
        if (S_ISDIR(status.st_mode)) entry.attributes = TRY(attributes_of(held));
        if (!S_ISREG(status.st_mode)) return archive_.add(entry, nullptr);
        auto file = TRY(open_again(held, O_RDONLY));
        entry.attributes = TRY(attributes_of(file));
        entry.size = static_cast<std::uint64_t>(status.st_size);
        image::FileSource content(std::move(file));
        return archive_.add(entry, &content);
    }

    Result<void> hide(std::string const& directory, std::string const& name) {
        image::TarEntry entry;
        entry.name = directory.empty() ? ".wh." + name : directory + "/.wh." + name;
        return archive_.add(entry, nullptr);
    }

private:
    // Of a file that was written under another name already; "" for the first.
    std::string first_name(std::string const& path, struct stat const& status) {
        if (status.st_nlink < 2 || S_ISDIR(status.st_mode)) return {};
        auto const [place, is_new] = first_names_.emplace(std::pair(status.st_dev, status.st_ino), path);
        return is_new ? std::string() : place->second;
    }

    Tree const& tree_;
    image::TarWriter& archive_;
    std::map<std::pair<dev_t, ino_t>, std::string> first_names_;
};

// What the upper layer says, parents first.
class UpperVisitor {
public:
    virtual ~UpperVisitor() = default;
    // A whiteout hides something of the image.
    virtual Result<void> hidden(std::string const& directory, std::string const& name) = 0;
    // Hidden by an opaque directory that was found, and not made again in it.
    virtual Result<void> covered(std::string const&) { return {}; }
    virtual Result<void> found(std::string const& path, struct stat const& status, FdRef held, bool was_there, bool is_opaque) = 0;
};

// `below_opaque`: nothing of the image shows here.
Result<void> visit_upper(Tree const& tree, FdRef directory, std::string const& path, ImageNode const* image, bool below_opaque, UpperVisitor& visitor) {
    auto names = TRY(list_directory(directory));
    std::ranges::sort(names);
    for (auto const& name : names) {
        struct stat status {};
        if (fstatat(directory.number(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT) continue; // the container goes on
            return Error::from_errno("look at '/{}'", below(path, name));
        }
        auto const was = image && image->is_directory() ? TRY(ImageTree::find_child(*image, name)) : std::nullopt;
        if (is_whiteout(status)) {
            if (was) TRY(visitor.hidden(path, name));
            continue;
        }
        if (is_mount_point(tree, below(path, name), status, was)) continue;
        auto const held = open_at(directory, name, S_ISDIR(status.st_mode) ? O_RDONLY | O_DIRECTORY | O_NOFOLLOW : O_PATH | O_NOFOLLOW);
        if (!held && held.error().is(ENOENT)) continue;
        if (!held) return held.error();
        FdRef const file = held.value();
        bool const opaque = S_ISDIR(status.st_mode) && is_opaque(file);
        if (S_ISDIR(status.st_mode) && is_way_to_mount_points(tree, below(path, name), file, was)) continue;
        TRY(visitor.found(below(path, name), status, file, was.has_value(), opaque).while_doing("'/{}'", below(path, name)));
        bool const covers = below_opaque || opaque;
        if (covers && S_ISDIR(status.st_mode) && was && was->is_directory())
            for (auto const& covered : TRY(ImageTree::list(*was)))
                if (struct stat look {}; fstatat(file.number(), covered.c_str(), &look, AT_SYMLINK_NOFOLLOW) < 0) TRY(visitor.covered(below(below(path, name), covered)));
        if (S_ISDIR(status.st_mode)) TRY(visit_upper(tree, file, below(path, name), was ? &*was : nullptr, covers, visitor));
    }
    return {};
}

Result<void> visit(Tree const& tree, UpperVisitor& visitor) {
    auto const image = TRY(ImageTree::open(tree.overlay.lowers));
    auto const upper = TRY(open_file(tree.overlay.upper, O_RDONLY | O_DIRECTORY));
    return visit_upper(tree, upper, "", &image.top(), false, visitor);
}

class ChangeLister : public UpperVisitor {
public:
    Result<void> hidden(std::string const& directory, std::string const& name) override {
        changes.push_back({FileChange::Kind::deleted, "/" + below(directory, name)});
        return {};
    }
    Result<void> found(std::string const& path, struct stat const&, FdRef, bool was_there, bool) override {
        changes.push_back({was_there ? FileChange::Kind::changed : FileChange::Kind::added, "/" + path});
        return {};
    }
    Result<void> covered(std::string const& path) override {
        changes.push_back({FileChange::Kind::deleted, "/" + path});
        return {};
    }
    std::vector<FileChange> changes;
};

class LayerWriter : public UpperVisitor {
public:
    LayerWriter(Tree const& tree, image::TarWriter& archive) : archiving_(tree, archive) {}
    Result<void> hidden(std::string const& directory, std::string const& name) override { return archiving_.hide(directory, name); }
    Result<void> found(std::string const& path, struct stat const& status, FdRef held, bool was_there, bool is_opaque) override {
        TRY(archiving_.add(path, status, held));
        return is_opaque && was_there ? archiving_.hide(path, ".wh..opq") : Result<void>();
    }

private:
    Archiving archiving_;
};

Result<void> write_directory(Tree const& tree, Archiving& archiving, ImageNode const& directory, std::string const& path, ImageNode const* image) {
    for (auto const& name : TRY(ImageTree::list(directory))) {
        auto const node = TRY(ImageTree::find_child(directory, name));
        if (!node) continue;
        auto const inside = below(path, name);
        auto const was = image && image->is_directory() ? TRY(ImageTree::find_child(*image, name)) : std::nullopt;
        if (is_mount_point(tree, inside, node->status, was)) continue;
        if (!was && node->is_directory() && is_way_to_mount_points(tree, inside, node->directories.front(), was)) continue;
        TRY(archiving.add(inside, node->status, node->is_directory() ? FdRef(node->directories.front()) : FdRef(node->file)).while_doing("'/{}'", inside));
        if (node->is_directory()) TRY(write_directory(tree, archiving, *node, inside, was ? &*was : nullptr));
    }
    return {};
}

} // namespace

Result<std::vector<FileChange>> list_changes(Container const& container) {
    auto const tree = TRY(tree_of(container));
    ChangeLister lister;
    TRY(visit(tree, lister));
    // A directory before what is in it, and that before the next name: '/' is smaller than every letter.
    auto const rank = [](char letter) { return letter == '/' ? 0 : int{static_cast<unsigned char>(letter)}; };
    std::ranges::sort(lister.changes, [&](FileChange const& a, FileChange const& b) { return std::ranges::lexicographical_compare(a.path, b.path, {}, rank, rank); });
    return std::move(lister.changes);
}

Result<void> write_changes(Container const& container, image::TarWriter& archive) {
    auto const tree = TRY(tree_of(container));
    LayerWriter writer(tree, archive);
    TRY(visit(tree, writer));
    return archive.finish();
}

Result<void> write_files(Container const& container, image::TarWriter& archive) {
    auto const tree = TRY(tree_of(container));
    auto const image = TRY(ImageTree::open(tree.overlay.lowers));
    auto layers = tree.overlay.lowers;
    layers.insert(layers.begin(), tree.overlay.upper);
    auto const files = TRY(ImageTree::open(layers));
    Archiving archiving(tree, archive);
    TRY(write_directory(tree, archiving, files.top(), "", &image.top()));
    return archive.finish();
}

} // namespace bolt::engine
