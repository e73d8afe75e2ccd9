// A file's bytes, from its position on.
#pragma once

#include <vector>

#include <unistd.h>

#include "image/byte_source.h"
#include "sys/fd.h"

namespace bolt::image {

class FileSource : public ByteSource {
public:
    explicit FileSource(UniqueFd file) : file_(std::move(file)), buffer_(256 * 1024) {}
    Result<std::span<char const>> next() override {
        ssize_t count = 0;
        while ((count = read(file_.number(), buffer_.data(), buffer_.size())) < 0 && errno == EINTR) {}
        if (count < 0) return Error::from_errno("read");
        return std::span<char const>(buffer_).first(static_cast<std::size_t>(count));
    }

private:
    UniqueFd file_;
    std::vector<char> buffer_;
};

} // namespace bolt::image
