// A file that one thread writes and another reads: a download's bytes go to disk first, so that it can be resumed, and are
// unpacked from there as they arrive. The disk is the queue between the two.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "base/result.h"
#include "image/byte_source.h"
#include "sys/fd.h"

namespace bolt::transfer {

class GrowingFile : public image::ByteSource {
public:
    // The first `available` of `total` bytes are there, from `begin` on in the file. The descriptor must outlive this.
    GrowingFile(FdRef file, std::uint64_t available, std::uint64_t total, std::uint64_t begin = 0);

    // The writer's side: appends; EFBIG beyond the total.
    Result<void> append(std::span<char const> bytes);
    // Nothing more comes; the reader gets the error.
    void fail(Error error);
    std::uint64_t available() const;
    std::uint64_t total() const { return total_; }

    // The reader's side: waits for bytes.
    Result<std::span<char const>> next() override;

private:
    FdRef file_;
    std::uint64_t const total_, begin_;
    mutable std::mutex mutex_;
    std::condition_variable grown_;
    std::uint64_t available_;
    std::optional<Error> failure_;
    std::uint64_t position_ = 0; // the reader's own
    std::vector<char> buffer_;
};

} // namespace bolt::transfer
