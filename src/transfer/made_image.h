// An image that is made here: a further layer on an image of the store, or one layer alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/reference.h"
#include "store/images.h"
#include "transfer/pull.h"

namespace bolt::transfer {

struct ImageToMake {
    std::optional<store::Image> base;  // absent: there is nothing below
    UniqueFd layer;                    // the archive (tar), not compressed
    spec::ImagePlatform platform;      // of an image without a base
    spec::ImageConfig config;          // all of it
    std::string created_by, author, comment;
    std::vector<image::Reference> names;
};
// Its id. The layer is unpacked and verified as one that is loaded is; nothing new is in the store on failure but whole layers.
Result<image::Digest> make_image(store::Layout const& layout, ImageToMake image, PullOptions const& options, Progress& progress);

} // namespace bolt::transfer
