#include "transfer/piece_queue.h"

namespace bolt::transfer {

bool PieceQueue::push(std::span<char const> bytes) {
    std::vector<char> piece;
    {
        std::unique_lock guard(mutex_);
        changed_.wait(guard, [&] { return full_.size() < most_ || given_up_; });
        if (given_up_) return false;
        if (!empty_.empty()) {
            piece = std::move(empty_.back());
            empty_.pop_back();
        }
    }
    piece.assign(bytes.begin(), bytes.end());
    {
        std::lock_guard const guard(mutex_);
        full_.push_back(std::move(piece));
    }
    changed_.notify_all();
    return true;
}

void PieceQueue::close() {
    {
        std::lock_guard const guard(mutex_);
        closed_ = true;
    }
    changed_.notify_all();
}

void PieceQueue::fail(Error error) {
    {
        std::lock_guard const guard(mutex_);
        failure_ = std::move(error);
    }
    changed_.notify_all();
}

Result<std::span<char const>> PieceQueue::next() {
    {
        std::unique_lock guard(mutex_);
        if (current_.capacity() > 0) empty_.push_back(std::move(current_));
        current_ = {};
        changed_.wait(guard, [&] { return !full_.empty() || closed_ || failure_; });
        if (full_.empty() && failure_) return *failure_;
        if (full_.empty()) return std::span<char const>();
        current_ = std::move(full_.front());
        full_.pop_front();
    }
    changed_.notify_all();
    return std::span<char const>(current_);
}

void PieceQueue::give_up() {
    {
        std::lock_guard const guard(mutex_);
        given_up_ = true;
    }
    changed_.notify_all();
}

} // namespace bolt::transfer
