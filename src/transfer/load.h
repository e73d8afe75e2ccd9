// Images out of an archive or a directory into the local store: the OCI image layout, and what `docker save` writes.
//
// Situation and failure: as of pull.h. An archive of several images is taken in one by one.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "transfer/image_files.h"
#include "transfer/pull.h"

namespace bolt::transfer {

struct Loaded {
    image::Digest id;
    std::vector<image::Reference> names; // none when the archive says none
};

// `path` is where they lie, by no links, or "/" when they came through a pipe: for the policy, by which EACCES is that they are not taken. EINVAL for what is no image; of images for several platforms the one that options.platform (absent: this machine) wants is taken.
// Used of the options: platform, policy_file, unmapped_ids, sync, keeps_blobs, cancelled.
Result<std::vector<Loaded>> load(store::Layout const& layout, std::shared_ptr<ImageFiles const> files, std::string_view path, PullOptions const& options, Progress& progress);

} // namespace bolt::transfer
