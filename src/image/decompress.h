// Layers as they travel: gzip (RFC 1952), zstd (RFC 8878) or plain.
#pragma once

#include <memory>

#include "base/result.h"
#include "image/byte_source.h"

namespace bolt::image {

// The uncompressed bytes of a stream, whose form is told by its first bytes: media types are often wrong about it. Several
// gzip members or zstd frames in a row are one stream. Errors: EINVAL for damage and for a stream that ends early;
// EPROTONOSUPPORT by name for what `forms` does not have. `from` must outlive the result.
enum class PackedForms {
    of_layers,  // what the specification has
    of_archives // xz too, as people pack what `docker save` writes
};
std::unique_ptr<ByteSource> decompress(ByteSource& from, PackedForms forms = PackedForms::of_layers);

} // namespace bolt::image
