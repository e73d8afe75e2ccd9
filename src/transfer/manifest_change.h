// A manifest with other blobs, or in the other specification's words. Pure.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "transfer/push.h"
#include "transfer/push_layers.h"

namespace bolt::transfer {

struct ManifestChange {
    ManifestFormat format = ManifestFormat::as_it_is;
    std::map<std::string, LayerInRepository, std::less<>> blobs; // by the digest that the manifest has now

    // The very same text when nothing changes. A layer in zstd makes a manifest of Docker's one of OCI's, which alone knows it; every
    // other field stays.
    Result<std::string> apply(std::string const& manifest) const;
};

} // namespace bolt::transfer
