// An image whose layers are in the store becomes known there.
#pragma once

#include <vector>

#include "base/result.h"
#include "store/intake.h"
#include "transfer/pull_layers.h"

namespace bolt::transfer {

// Its documents, the image file, its names; then room is made among the kept blobs.
Result<void> commit(store::Layout const& layout, ResolvedImage const& image, std::vector<PulledLayer> const& layers, std::vector<image::Reference> const& names,
                    store::ReferenceRecord const& record, PullOptions const& options, Progress& progress);

} // namespace bolt::transfer
