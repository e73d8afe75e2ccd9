#include "transfer/growing_file.h"

#include <unistd.h>

namespace bolt::transfer {

namespace {
constexpr std::size_t piece_size = 256 * 1024;
}

GrowingFile::GrowingFile(FdRef file, std::uint64_t available, std::uint64_t total, std::uint64_t begin) : file_(file), total_(total), begin_(begin), available_(available), buffer_(piece_size) {}

Result<void> GrowingFile::append(std::span<char const> bytes) {
    auto at = available();
    if (bytes.size() > total_ - at) return Error::of(EFBIG, "there are more than the {} bytes that the manifest says", total_);
    while (!bytes.empty()) {
        auto const written = pwrite(file_.number(), bytes.data(), bytes.size(), static_cast<off_t>(begin_ + at));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return Error::from_errno("write the download");
        at += static_cast<std::uint64_t>(written);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    {
        std::lock_guard const guard(mutex_);
        available_ = at;
    }
    grown_.notify_one();
    return {};
}

void GrowingFile::fail(Error error) {
    {
        std::lock_guard const guard(mutex_);
        failure_ = std::move(error);
    }
    grown_.notify_one();
}

std::uint64_t GrowingFile::available() const {
    std::lock_guard const guard(mutex_);
    return available_;
}

Result<std::span<char const>> GrowingFile::next() {
    std::uint64_t until = 0;
    {
        std::unique_lock guard(mutex_);
        grown_.wait(guard, [&] { return available_ > position_ || failure_ || position_ == total_; });
        if (failure_) return *failure_;
        until = available_;
    }
    if (position_ == total_) return std::span<char const>();
    auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(until - position_, buffer_.size()));
    ssize_t count = 0;
    do count = pread(file_.number(), buffer_.data(), wanted, static_cast<off_t>(begin_ + position_));
    while (count < 0 && errno == EINTR);
    if (count < 0) return Error::from_errno("read the download");
    if (count == 0) return Error::of(EIO, "the download shrank while it was read");
    position_ += static_cast<std::uint64_t>(count);
    return std::span<char const>(buffer_).first(static_cast<std::size_t>(count));
}

} // namespace bolt::transfer
