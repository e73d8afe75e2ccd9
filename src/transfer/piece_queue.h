// Bytes from one thread to another, a bounded number of pieces at a time.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "base/result.h"
#include "image/byte_source.h"

namespace bolt::transfer {

class PieceQueue : public image::ByteSource {
public:
    explicit PieceQueue(std::size_t most_pieces) : most_(most_pieces) {}

    // Copies; waits for room. False when the reader has given up.
    bool push(std::span<char const> bytes);
    // After the last piece.
    void close();
    void fail(Error error);

    Result<std::span<char const>> next() override;
    // The reader wants no more.
    void give_up();

private:
    std::size_t const most_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::vector<char>> full_;
    std::vector<std::vector<char>> empty_; // used again: fresh memory costs a page fault each 4 KiB
    std::vector<char> current_;
    bool closed_ = false, given_up_ = false;
    std::optional<Error> failure_;
};

} // namespace bolt::transfer
