// An image index of the local store into a registry: its images first, by digest, then the index, by name.
#pragma once

#include "base/result.h"
#include "store/indexes.h"
#include "transfer/push.h"

namespace bolt::transfer {

// Situation and failures as for push(). ENOENT names an image of the index that is not in the store any more; EINVAL for an index
// without images. Format as_it_is makes an index of OCI's.
Result<Pushed> push_index(store::Layout const& layout, store::NamedIndex const& index, image::Reference const& target, PushOptions const& options, Progress& progress);

} // namespace bolt::transfer
