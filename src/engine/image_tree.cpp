#include "engine/image_tree.h"

#include <set>

#include <fcntl.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/layered_mount.h"

namespace bolt::engine {

Result<ImageTree> ImageTree::open(std::vector<HostPath> const& layers) {
    ImageNode top;
    for (auto const& layer : layers) top.directories.push_back(TRY(open_file(layer, O_RDONLY | O_DIRECTORY)));
    if (layers.empty()) return Error::of(EINVAL, "the image has no layers");
    top.status = TRY(stat_fd(top.directories.front()));
    return ImageTree(std::move(top));
}

Result<std::optional<ImageNode>> ImageTree::find_child(ImageNode const& directory, std::string const& name) {
    ImageNode found;
    for (auto const& part : directory.directories) {
        struct stat status {};
        if (fstatat(part.number(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT) continue;
            return Error::from_errno("look at '{}' in the image", name);
        }
        bool const covered = !found.directories.empty();
        if (!S_ISDIR(status.st_mode)) {
            if (covered || is_whiteout(status)) break;
            found.status = status;
            found.file = TRY(open_at(part, name, O_PATH | O_NOFOLLOW));
            return std::optional(std::move(found));
        }
        if (!covered) found.status = status;
        found.directories.push_back(TRY(open_at(part, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)));
        if (is_opaque(found.directories.back())) break;
    }
    if (found.directories.empty()) return std::optional<ImageNode>();
    return std::optional(std::move(found));
}

Result<std::vector<std::string>> ImageTree::list(ImageNode const& directory) {
    std::set<std::string> names, hidden;
    for (auto const& part : directory.directories)
        for (auto& name : TRY(list_directory(part))) {
            struct stat status {};
            if (names.contains(name) || hidden.contains(name) || fstatat(part.number(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) continue;
            (is_whiteout(status) ? hidden : names).insert(std::move(name));
        }
    return std::vector<std::string>(names.begin(), names.end());
}

Result<std::optional<ImageNode>> ImageTree::find(RootPath const& path) const {
    auto wanted = path;
    for (int links = 0; links < 40; ++links) {
        if (wanted.is_top()) {
            ImageNode copy{.status = top_.status};
            for (auto const& part : top_.directories) copy.directories.push_back(TRY(duplicate(part)));
            return std::optional(std::move(copy));
        }
        std::optional<ImageNode> node;
        std::string walked, rest;
        for (auto const& component : wanted.components()) {
            if (!rest.empty() || (node && S_ISLNK(node->status.st_mode))) {
                rest += "/" + component;
                continue;
            }
            if (node && !node->is_directory()) return std::optional<ImageNode>();
            auto next = TRY(find_child(node ? *node : top_, component));
            if (!next) return std::optional<ImageNode>();
            node = std::move(next);
            walked += "/" + component;
        }
        if (!S_ISLNK(node->status.st_mode)) return node;
        auto const target = TRY(read_symlink(FdRef(node->file)));
        auto const base = target.starts_with('/') ? std::string() : TRY(RootPath::parse(walked)).parent().absolute_text();
        wanted = TRY(RootPath::parse_clamped(base + "/" + target + rest));
    }
    return Error::of(ELOOP, "'{}' in the image goes through too many symbolic links", path);
}

Result<std::string> ImageTree::read_text(RootPath const& path) const {
    auto const node = TRY(find(path));
    if (!node || !S_ISREG(node->status.st_mode)) return std::string();
    // Reopened through /proc: O_PATH cannot be read from, and the name may lie in any layer.
    auto const file = TRY(open_again(node->file, O_RDONLY).while_doing("read '{}' of the image", path));
    return read_to_end(file, 4u << 20).while_doing("read '{}' of the image", path);
}

} // namespace bolt::engine
