// What the store keeps of an image beside its files: the manifest, the configuration, and where its layers are.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "image/reference.h"
#include "store/images.h"
#include "transfer/push_layers.h"

namespace bolt::transfer {

struct ImageDocuments {
    std::string manifest, config;
    std::vector<LayerToPush> layers; // as in the manifest
};
// EBADMSG or EINVAL when the store has them not as they were. With a `target`, the layers know which other repositories of its registry
// may have them.
Result<ImageDocuments> read_documents(store::Layout const& layout, store::Image const& image, image::Reference const* target);
// Whether the store has both documents as they were: two small files are read.
bool has_documents(store::Layout const& layout, store::Image const& image);
// A document as it was, or EBADMSG.
Result<std::string> read_document(store::Layout const& layout, image::Digest const& digest);

} // namespace bolt::transfer
