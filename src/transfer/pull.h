// An image from a registry, or from the images that are shipped with bolt, into the local store.
//
// Situation: the process is inside the user's user namespace (or root) and has no other threads when it calls this; the layout
//            was computed before it went in. Layers are downloaded, verified and unpacked side by side.
// On failure: nothing new is in the store but downloads that can be resumed, and whole layers that a next pull uses.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/reference.h"
#include "image/unpack.h"
#include "store/intake.h"
#include "store/layer_archives.h"
#include "transfer/progress.h"
#include "transfer/registry.h"

namespace bolt::transfer {

enum class PullPolicy {
    always,
    missing, // here
    never,   // ENOENT when it is not here
    newer,   // as always, but what is here serves when it cannot be had
};

struct PullOptions {
    std::optional<spec::ImagePlatform> platform;   // absent: this machine's
    PullPolicy policy = PullPolicy::always;
    RegistryOptions registry;
    image::UnmappedIds unmapped_ids = image::UnmappedIds::refuse;
    store::Sync sync = store::Sync::whole_file_system;
    bool keeps_blobs = true;                       // the layers as they came, for a later push
    Bytes blob_limit = store::default_blob_limit;  // for all of them
    std::optional<HostPath> policy_file;           // which images are taken (policy.h); absent: the user's, or the host's
    std::optional<HostPath> shipped_images;        // an OCI layout; absent: none are known
    std::function<bool()> cancelled;               // asked several times a second
};

struct Pulled {
    image::Reference reference;       // as it is in the store now
    image::Digest id, manifest;
    image::Digest repository;         // what the name stands for in the registry
    enum class Status { downloaded, up_to_date } status;
};

// What pull() would say of an image that is here as the registry has it, from one request that is no download. Outside the user's
// user namespace too; nothing changes in the store. None whenever there is more to do or to say: that is pull()'s. ECANCELED as there.
// libcurl may have had a thread for a name's address, which may still be about to end.
Result<std::optional<Pulled>> find_unchanged(store::Layout const& layout, image::Reference const& reference, PullOptions const& options, Progress& progress);

// ECANCELED when `cancelled` said so.
Result<Pulled> pull(store::Layout const& layout, image::Reference const& reference, PullOptions const& options, Progress& progress);

} // namespace bolt::transfer
