// Layers as they travel: the compressed blobs that are kept beside the unpacked files, and what else makes an archive of them again.
//
// A blob is a cache as long as the layer's archive can be made again without it: then the one that was used longest ago goes first
// when all of them need more room than they may have.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "image/digest.h"
#include "store/layout.h"
#include "sys/fd.h"

namespace bolt::store {

// How much room kept blobs may take in all.
inline constexpr Bytes default_blob_limit{4ull << 30};

// The layer's blob of this digest, for reading, marked as used just now; none when it is not kept. The layer must be held.
Result<std::optional<UniqueFd>> find_layer_blob(Layout const& layout, std::string const& key, image::Digest const& digest);
// The digests of all blobs that are kept of it.
Result<std::vector<image::Digest>> list_layer_blobs(Layout const& layout, std::string const& key);
// What image::TarSplitSource reads; none when the archive cannot be made again.
Result<std::optional<UniqueFd>> find_layer_split(Layout const& layout, std::string const& key);
// A file of the store's file system, complete and verified, becomes the layer's blob. The layer must be held.
Result<void> add_layer_blob(Layout const& layout, std::string const& key, image::Digest const& digest, HostPath const& file);

// Removes blobs until the rest fits. Those that are the only form of their layer's archive stay.
Result<void> limit_layer_blobs(Layout const& layout, Bytes most);

} // namespace bolt::store
