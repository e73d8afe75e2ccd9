// Whether unpacked files are what their archive says: unpack_layer()'s other half, for whoever does not trust the disk.
//
// Situation: as unpack_layer().
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "image/byte_source.h"
#include "image/unpack.h"
#include "sys/root.h"

namespace bolt::image {

// `from_files`: the archive is made from these very files, so that its digest tells about their contents.
enum class ArchiveContents { from_files, of_its_own };

// One sentence about the first file that is another, is missing or is too much; none when all are there. Names, kinds, sizes, contents,
// targets of links, names of one file, numbers of devices, modes, owners (with `give_to_user` those of the user are right), times by the second
// and the extended attributes user.* and security.capability of regular files are compared. Reads the archive to its end, whose failures are ours.
Result<std::optional<std::string>> find_difference(ByteSource& archive, Root const& files, ArchiveContents contents, UnmappedIds unmapped_ids);

} // namespace bolt::image
