// Layers are packed for their way: gzip (RFC 1952) or zstd (RFC 8878).
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "image/byte_source.h"
#include "spec/image_manifest.h"

namespace bolt::image {

// The compressed bytes of a stream; LayerCompression::none hands it through. `level` is zstd's 1 … 19 or gzip's 1 … 9; absent: 3 for
// zstd, for gzip the fastest there is. EINVAL for a level that there is not. `from` must outlive the result.
Result<std::unique_ptr<ByteSource>> compress(ByteSource& from, spec::LayerCompression how, std::optional<int> level);

} // namespace bolt::image
