// One blob of a repository into a file: OCI distribution specification 1.1, "Pulling blobs".
#pragma once

#include <cstdint>

#include "base/result.h"
#include "image/digest.h"
#include "sys/fd.h"
#include "transfer/registry.h"

namespace bolt::transfer {

// Into an empty file. After a connection that broke off it goes on where it was. EBADMSG when the contents are not the blob's.
Result<void> download_blob(Registry& registry, image::Digest const& digest, std::uint64_t size, FdRef file);

} // namespace bolt::transfer
