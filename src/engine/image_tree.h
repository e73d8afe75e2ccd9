// An image's files as a container will see them, read through its layers without mounting anything: what overlayfs would
// show for the layers alone (whiteouts, opaque directories). https://docs.kernel.org/filesystems/overlayfs.html
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt::engine {

// Something in the tree, held open.
struct ImageNode {
    struct stat status {};              // the topmost layer's
    std::vector<UniqueFd> directories;  // a directory's parts, topmost first; empty for anything else
    UniqueFd file;                      // O_PATH, for anything that is no directory
    bool is_directory() const { return !directories.empty(); }
};

class ImageTree {
public:
    // Layers topmost first. ENOENT when one is gone.
    static Result<ImageTree> open(std::vector<HostPath> const& layers);

    ImageNode const& top() const { return top_; }
    // Links are followed inside the tree, the last one too; ELOOP after forty. None when there is no such file.
    Result<std::optional<ImageNode>> find(RootPath const& path) const;
    // A small regular file such as /etc/passwd; "" when there is none or it is no regular file.
    Result<std::string> read_text(RootPath const& path) const;

    // In a directory of the tree: an entry without following a link, and all names.
    static Result<std::optional<ImageNode>> find_child(ImageNode const& directory, std::string const& name);
    static Result<std::vector<std::string>> list(ImageNode const& directory);

private:
    explicit ImageTree(ImageNode top) : top_(std::move(top)) {}
    ImageNode top_;
};

} // namespace bolt::engine
