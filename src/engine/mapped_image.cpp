#include "engine/mapped_image.h"

#include <fcntl.h>

#include "engine/as_namespace_root.h"
#include "engine/staged_directory.h"
#include "engine/tree_copy.h"
#include "sys/file.h"

namespace bolt::engine {

namespace {

// The layers' owners are numbers of the monitor's namespace as the image has them; the copy's are what these are mapped to.
Result<void> fill(Installation const& here, ImageTree const& tree, ContainerIds const& ids, HostPath const& staging) {
    TRY(make_directory(staging / "fs", 0755));
    return do_as_namespace_root(here, "copy the image for the container's own ids", [&]() -> Result<void> {
        auto const target = TRY(open_file(staging / "fs", O_RDONLY | O_DIRECTORY));
        return copy_tree(tree.top(), target, {ids.users, ids.groups});
    });
}

} // namespace

Result<HostPath> ensure_mapped_image(Installation const& here, store::Image const& image, ImageTree const& tree, ContainerIds const& ids) {
    auto const place = here.layout.layer(image.layer_keys.front()) / "mapped" / fmt::format("{}-{}", image.id.hex().substr(0, 16), ids.name);
    if (!exists(place))
        TRY(make_staged_directory(here, place, Keep::safely, [&](HostPath const& staging) { return fill(here, tree, ids, staging); })
                .while_doing("copy image '{}' for the container's own ids", image.id.hex().substr(0, 12)));
    return place / "fs";
}

} // namespace bolt::engine
