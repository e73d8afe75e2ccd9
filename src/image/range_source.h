// A part of a file.
#pragma once

#include <algorithm>
#include <vector>

#include <unistd.h>

#include "image/byte_source.h"
#include "sys/fd.h"

namespace bolt::image {

class RangeSource : public ByteSource {
public:
    // The file must outlive this and is at least so long; its position does not matter.
    RangeSource(FdRef file, std::uint64_t offset, std::uint64_t length, std::size_t piece = 256 * 1024) : file_(file), offset_(offset), left_(length), buffer_(piece) {}
    Result<std::span<char const>> next() override {
        auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer_.size()));
        ssize_t count = 0;
        while ((count = pread(file_.number(), buffer_.data(), wanted, static_cast<off_t>(offset_))) < 0 && errno == EINTR) {}
        if (count < 0) return Error::from_errno("read");
        if (count == 0 && wanted > 0) return Error::of(EINVAL, "the file ends early");
        offset_ += static_cast<std::uint64_t>(count);
        left_ -= static_cast<std::uint64_t>(count);
        return std::span<char const>(buffer_).first(static_cast<std::size_t>(count));
    }

private:
    FdRef file_;
    std::uint64_t offset_, left_;
    std::vector<char> buffer_;
};

} // namespace bolt::image
