// One blob into a repository: OCI distribution specification 1.1, "Pushing blobs".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/digest.h"
#include "sys/fd.h"
#include "transfer/registry.h"

namespace bolt::transfer {

// Whether the repository has it.
Result<bool> has_blob(Registry& registry, image::Digest const& digest);
// Takes it over from another repository of the same registry. False when the registry does not do that, or has it not there.
Result<bool> mount_blob(Registry& registry, image::Digest const& digest, std::string const& from_repository);

struct BlobFile {
    image::Digest digest;
    std::uint64_t size;
    FdRef file;                               // the blob is all of it
    std::function<void(std::uint64_t)> sent;  // how much the registry has got; may be empty
};
// Sends it. After a connection that broke off, or an answer of 5xx, it goes on where the registry has got to. Errors as of Registry.
Result<void> upload_blob(Registry& registry, BlobFile const& blob);

} // namespace bolt::transfer
