// A layer's archive becomes one of overlay's lower directories.
//
// Situation:    an empty directory that only we write to; the umask does not matter; user 0 of the user namespace that the
//               layer's ids are meant in, or root.
// Refuses:      every entry that leads out of the directory: names and hard links with ".." beyond the top are errors; absolute
//               names are taken from the top; symbolic links are made as they are and followed as in a chroot.
// Leaves:       whiteouts as overlay wants them (a 0:0 character device, the xattr trusted.overlay.opaque, or user.overlay.opaque
//               where the first is not allowed), modification times, set-id bits, xattrs of security.capability, user.* and
//               POSIX ACLs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>
#include <time.h>

#include "base/result.h"
#include "base/text.h"
#include "image/byte_source.h"
#include "image/tar_split.h"
#include "sys/root.h"

namespace bolt::image {

// What happens to files of users that the user namespace does not map.
enum class UnmappedIds {
    refuse,      // EOVERFLOW names the file and its ids
    give_to_user // they become user 0's, and are counted
};

struct UnpackOptions {
    UnmappedIds unmapped_ids = UnmappedIds::refuse;
    std::uint64_t most_entries = 10'000'000; // E2BIG beyond
};

struct Unpacked {
    Bytes size;                           // of the files' contents
    Bytes archive;                        // all that was read
    std::uint64_t entries = 0;
    // Directories that the archive has files in but does not describe, parents first. The attributes of those in the layers
    // below are hidden by ours, so they must be copied from there (copy_attributes).
    std::vector<std::string> implied;
    std::uint64_t ids_given_to_user = 0;  // files of unmapped users
    std::uint64_t devices_left_out = 0;   // device nodes that may not be made here
    std::uint64_t attributes_left_out = 0; // xattrs that the file system or the kernel does not take
};

// Reads the archive to its end, and `from` to its own. To `split`, when it is given, goes what the files do not hold.
Result<Unpacked> unpack_layer(ByteSource& from, Root const& target, UnpackOptions const& options, TarSplitWriter* split = nullptr);

// Owner, mode and times of a directory in a lower layer, given to the same directory above. False when the lower layer
// has no such directory.
Result<bool> copy_directory_attributes(Root const& lower, Root const& upper, std::string_view path);

} // namespace bolt::image
