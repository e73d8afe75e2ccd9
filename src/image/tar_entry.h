// One entry of an archive, with every extension applied.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <time.h>

#include "base/result.h"

namespace bolt::image {

struct TarEntry {
    enum class Type { file, hard_link, symbolic_link, character_device, block_device, directory, fifo };
    Type type = Type::file;
    std::string name;                     // as it stands in the archive: nothing is trusted yet
    std::string link;                     // target, of links
    mode_t mode = 0;                      // permission bits and set-id bits only
    std::uint64_t uid = 0, gid = 0;
    timespec modified{};
    std::uint64_t size = 0;               // of the content in the archive
    unsigned device_major = 0, device_minor = 0;
    std::vector<std::pair<std::string, std::string>> attributes; // extended ones

    // Of a sparse file: where the pieces of the content go, in order, and how long the file is. Else `pieces` is empty.
    struct Piece {
        std::uint64_t offset, length;
    };
    bool sparse = false;
    std::vector<Piece> pieces;
    std::uint64_t sparse_size = 0;
};

// The records of a PAX extended header (POSIX.1-2008, pax interchange format): "LENGTH KEY=VALUE\n" each. A key that is there
// twice counts the last time, but GNU.sparse.offset and .numbytes are a list: those are collected in `sparse_numbers`.
struct PaxRecords {
    std::map<std::string, std::string, std::less<>> values;
    std::vector<std::uint64_t> sparse_numbers;
    std::size_t size = 0; // of all that is kept
};
// Keeps what apply_pax_records() knows. EINVAL for what is not of that form, and for records of more than `most` bytes together.
Result<void> parse_pax_records(std::string_view text, PaxRecords& records, std::size_t most);
// Puts what the records say into the entry: path, linkpath, size, uid, gid, mtime, SCHILY.xattr.*, LIBARCHIVE.xattr.* is
// passed over, GNU.sparse 0.0 and 0.1. `sparse_in_content` is set for GNU.sparse 1.0, whose map begins the content. The global ones
// count where the entry's own have no other value; sparse files have their own.
Result<void> apply_pax_records(PaxRecords const& global, PaxRecords const& own, TarEntry& entry, bool& sparse_in_content);

// A number of a header field: octal digits, or base-256 when the first byte's top bit is set. EINVAL for neither.
Result<std::int64_t> parse_tar_number(std::string_view field);

} // namespace bolt::image
