// An image of the local store into a registry.
//
// Situation: inside the user's user namespace (or root), without other threads; the layout was computed before.
// On failure: the registry may have blobs that no manifest names, which it collects; the store has at most a further packed layer.
#pragma once

#include <optional>

#include "base/result.h"
#include "image/reference.h"
#include "store/images.h"
#include "transfer/layer_archive.h"
#include "transfer/progress.h"
#include "transfer/registry.h"

namespace bolt::transfer {

// Which specification's media types the manifest has.
enum class ManifestFormat { as_it_is, oci, docker };

// Under which name the manifest is put: the target's tag, or its digest alone, for an index that follows.
enum class PushName { tag, digest };

struct PushOptions {
    RegistryOptions registry;
    PushName name = PushName::tag;
    // How layers are packed whose blob is not kept.
    spec::LayerCompression compression = spec::LayerCompression::gzip;
    std::optional<int> level;
    bool repacks = false;             // layers of another compression too
    ManifestFormat format = ManifestFormat::as_it_is;
};

struct Pushed {
    image::Reference reference;
    image::Digest manifest;           // as the registry has it
    std::string media_type;
    std::uint64_t size;               // of the manifest
    bool is_other_manifest = false;   // than the one that was pulled
};

// The registry that is meant by a name, as registries.conf has it, greeted for a push.
Result<Registry> open_target(image::Reference const& target, RegistryOptions settings);

// ECANCELED when options.registry.cancelled said so; EINVAL for a target with a digest, and for zstd in Docker's format, which has none.
Result<Pushed> push(store::Layout const& layout, store::Image const& image, image::Reference const& target, PushOptions const& options, Progress& progress);

} // namespace bolt::transfer
