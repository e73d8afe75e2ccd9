// Volumes: directories that outlive containers. store/volumes/NAME/{data/, meta.json}; complete when it is there, because it
// is filled in store/tmp and moved.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/container_ids.h"
#include "engine/image_tree.h"
#include "engine/installation.h"

namespace bolt::engine {

enum class VolumeKind { named, anonymous };

struct VolumeWish {
    std::string name;
    VolumeKind kind = VolumeKind::named;
    RootPath target;          // where the image's content for a new volume is
    bool copies_image_content = true;
    std::optional<ContainerIds> ids; // whose root a new volume belongs to that has nothing to be copied
};

struct Volume {
    HostPath content;         // …/volumes/NAME/data
    bool is_new = false;
};

// The volume of that name, made when there is none: then it gets the image's files at the target, with their owners, and
// owner and mode of that directory.
Result<Volume> ensure_volume(Installation const& here, ImageTree const& image, VolumeWish const& wish);
// Out of sight at once, then deleted. What is not there is no error.
Result<void> remove_volume(Installation const& here, std::string_view name);

} // namespace bolt::engine
