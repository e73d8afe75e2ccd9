// Writes archives of plain files: ustar (POSIX.1-2008, pax), as image archives hold them. Names have at most 100 bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "image/byte_source.h"

namespace bolt::image {

class TarWriter {
public:
    using Sink = std::function<Result<void>(std::span<char const>)>;
    explicit TarWriter(Sink sink) : sink_(std::move(sink)) {}

    // Owned by root, of the epoch, mode 0644 and 0755: the same contents make the same archive.
    Result<void> add_directory(std::string_view name);
    // EINVAL when `content` has not exactly `size` bytes.
    Result<void> add_file(std::string_view name, std::uint64_t size, ByteSource& content);
    Result<void> add_file(std::string_view name, std::string_view content);
    // Once, at the end.
    Result<void> finish();

private:
    Result<void> add_header(std::string_view name, char type, std::uint64_t size);
    Sink sink_;
};

} // namespace bolt::image
