// A stream of bytes that is pulled, piece by piece: what downloads, decompressors, hashers and archives are chained from.
#pragma once

#include <memory>
#include <span>

#include "base/result.h"

namespace bolt::image {

class ByteSource {
public:
    virtual ~ByteSource() = default;
    // The next piece, empty only at the end. It stays valid until the next call.
    virtual Result<std::span<char const>> next() = 0;
};

// One piece of memory, for tests and small documents.
class MemorySource : public ByteSource {
public:
    // At most `piece` bytes a call.
    explicit MemorySource(std::span<char const> bytes, std::size_t piece = 64 * 1024) : rest_(bytes), piece_(piece) {}
    Result<std::span<char const>> next() override {
        auto const piece = rest_.first(std::min(piece_, rest_.size()));
        rest_ = rest_.subspan(piece.size());
        return piece;
    }

private:
    std::span<char const> rest_;
    std::size_t piece_;
};

} // namespace bolt::image
