// Whether unpacked files are what their archive says: unpack_layer()'s other half, for whoever does not trust the disk.
//
// Situation: as unpack_layer().
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "image/byte_source.h"
#include "image/unpack.h"
#include "sys/root.h"

namespace bolt::image {

// `from_files`: the archive is made from these very files, so that its digest tells about their contents.
enum class ArchiveContents { from_files, of_its_own };

struct Compared {
    std::optional<std::string> difference; // one sentence about the first file that is another, is missing or is too much
    // What unpack_layer() said of the archive, when there is no difference.
    Bytes size, archive;
    std::vector<std::string> implied;
};
// Names, kinds, sizes, contents, targets of links, names of one file, numbers of devices, modes, owners (with `give_to_user` those of the
// user are right), times by the second and extended attributes are compared: user.*, trusted.* and security.capability, and that directories
// are opaque which are to be so. The others are the file system's, its ACLs with them, or a security module's. Reads the archive to its end,
// whose failures are ours; what is_shortage() is no damage. Few descriptors are open at once, however deep the tree is.
Result<Compared> find_difference(ByteSource& archive, Root const& files, ArchiveContents contents, UnmappedIds unmapped_ids);

} // namespace bolt::image
