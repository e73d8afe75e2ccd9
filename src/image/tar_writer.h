// Writes archives: ustar with extended headers where they are needed (POSIX.1-2008, pax).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/byte_source.h"
#include "image/tar_entry.h"

namespace bolt::image {

class TarWriter {
public:
    using Sink = std::function<Result<void>(std::span<char const>)>;
    // The sink gets large pieces; the last with finish().
    explicit TarWriter(Sink sink) : sink_(std::move(sink)) {}

    // Anything; `content` for a file whose size is not 0. Times are whole seconds, as docker writes layers; extended attributes are
    // SCHILY.xattr records. Sparse files are written in full. EINVAL as below.
    Result<void> add(TarEntry const& entry, ByteSource* content);

    // As image archives have them: owned by root, of the epoch, mode 0644 and 0755, so that the same contents make the same archive.
    // Names have at most 100 bytes.
    Result<void> add_directory(std::string_view name);
    // EINVAL when `content` has not exactly `size` bytes.
    Result<void> add_file(std::string_view name, std::uint64_t size, ByteSource& content);
    Result<void> add_file(std::string_view name, std::string_view content);
    // Once, at the end.
    Result<void> finish();

private:
    Result<void> add_plain_header(std::string_view name, char type, std::uint64_t size);
    Result<void> add_extended_header(TarEntry const& entry);
    Result<void> add_content(std::string_view name, std::uint64_t size, ByteSource& content);
    Result<void> put(std::span<char const> piece);
    Result<void> flush();
    Sink sink_;
    std::vector<char> buffer_; // most entries are a few hundred bytes
};

} // namespace bolt::image
