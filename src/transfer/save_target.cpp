#include "transfer/save_target.h"

#include <fcntl.h>

#include "sys/file.h"

namespace bolt::transfer {

namespace {
Result<void> write_unless_cancelled(FdRef file, std::span<char const> bytes, std::function<bool()> const& cancelled) {
    if (cancelled()) return Error::of(ECANCELED, "interrupted");
    return write_all(file, {bytes.data(), bytes.size()}).while_doing("write the archive");
}
} // namespace

ArchiveTarget::ArchiveTarget(FdRef file, std::function<bool()> cancelled)
    : writer_([file, cancelled = std::move(cancelled)](std::span<char const> bytes) { return write_unless_cancelled(file, bytes, cancelled); }) {}

Result<void> DirectoryTarget::add_directory(std::string_view name) { return make_directory(directory_ / name, 0755); }

Result<void> DirectoryTarget::add_file(std::string_view name, std::uint64_t size, image::ByteSource& content) {
    auto const file = TRY(open_file(directory_ / name, O_WRONLY | O_CREAT | O_EXCL, 0644));
    std::uint64_t written = 0;
    for (auto piece = TRY(content.next()); !piece.empty(); piece = TRY(content.next())) {
        TRY(write_unless_cancelled(file, piece, cancelled_));
        written += piece.size();
    }
    return written == size ? Result<void>() : Error::of(EINVAL, "'{}' has not the {} bytes that were said", name, size);
}

} // namespace bolt::transfer
