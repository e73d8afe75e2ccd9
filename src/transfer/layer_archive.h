// A layer of the store as the archive that its diffID is of, and packed for its way.
//
// Situation: inside the user's user namespace (or root), as whoever reads files of mapped ids must be. The layer is held.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "image/byte_source.h"
#include "image/digest.h"
#include "spec/image_manifest.h"
#include "store/layout.h"
#include "sys/fd.h"

namespace bolt::transfer {

struct StoredLayer {
    std::string key;
    image::Digest diff_id;
};

// The uncompressed archive: made from the unpacked files, or a kept blob uncompressed. Its last next() is EBADMSG when the bytes were
// not those of the diffID. ENOENT when neither is there: the layer must be pulled again.
Result<std::unique_ptr<image::ByteSource>> open_layer_archive(store::Layout const& layout, StoredLayer const& layer);

// The archive of this packed form.
Result<std::unique_ptr<image::ByteSource>> unpack_layer_archive(UniqueFd packed, image::Digest const& diff_id);

struct PackedLayer {
    image::Digest blob;
    std::uint64_t size;
};
struct Packing {
    spec::LayerCompression compression = spec::LayerCompression::gzip;
    std::optional<int> level;
    std::function<bool()> cancelled; // asked now and then; may be empty
};
// The archive compressed, as a blob of the layer's that is kept. ECANCELED when `cancelled` said so.
Result<PackedLayer> pack_layer(store::Layout const& layout, StoredLayer const& layer, Packing const& packing);

} // namespace bolt::transfer
