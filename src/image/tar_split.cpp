#include "image/tar_split.h"

#include <cstring>

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include "image/decompress.h"
#include "sys/file.h"

namespace bolt::image {

namespace {

constexpr std::string_view magic = "bolt tar-split 1\n";
constexpr std::size_t piece_size = 256 * 1024;
constexpr std::uint32_t longest_path = 64 * 1024;

template <typename Number> void append_number(std::string& text, Number number) {
    for (std::size_t i = 0; i < sizeof number; ++i) text += static_cast<char>(number >> (8 * i) & 0xff);
}
template <typename Number> Number number_in(std::string_view bytes) {
    Number number = 0;
    for (std::size_t i = 0; i < sizeof number; ++i) number |= static_cast<Number>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    return number;
}

Error damaged() { return Error::of(EINVAL, "what was kept of the layer's archive is damaged"); }

} // namespace

void TarSplitWriter::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

// Headers repeat themselves: the fastest level makes a thirtieth of them.
TarSplitWriter::TarSplitWriter(FdRef file) : file_(file), context_(ZSTD_createCCtx()), waiting_(magic) { ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, 1); }

Result<void> TarSplitWriter::put(std::string_view bytes) {
    waiting_ += bytes;
    return waiting_.size() >= piece_size ? compress(false) : Result<void>();
}

Result<void> TarSplitWriter::compress(bool last) {
    char output[32 * 1024];
    ZSTD_inBuffer input{waiting_.data(), waiting_.size(), 0};
    for (std::size_t left = 1; left != 0;) {
        ZSTD_outBuffer out{output, sizeof output, 0};
        left = ZSTD_compressStream2(context_.get(), &out, &input, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left)) return Error::of(ENOMEM, "compress: {}", ZSTD_getErrorName(left));
        TRY(write_all(file_, {output, out.pos}));
        if (!last && input.pos == input.size) break;
    }
    waiting_.clear();
    return {};
}

Result<void> TarSplitWriter::add(std::span<char const> bytes) {
    if (spoiled_ || bytes.empty()) return {};
    TRY(flush_content());
    std::string head(1, 'b');
    append_number(head, std::uint64_t{bytes.size()});
    TRY(put(head));
    return put({bytes.data(), bytes.size()});
}

Result<void> TarSplitWriter::add_content(std::string const& path, std::uint64_t offset, std::uint64_t length) {
    if (spoiled_ || length == 0) return {};
    if (length_ == 0 || path != path_ || offset != offset_ + length_) {
        TRY(flush_content());
        path_ = path;
        offset_ = offset;
    }
    length_ += length;
    return {};
}

Result<void> TarSplitWriter::flush_content() {
    if (length_ == 0) return {};
    std::string record(1, 'f');
    append_number(record, offset_);
    append_number(record, length_);
    append_number(record, static_cast<std::uint32_t>(path_.size()));
    length_ = 0;
    return put(record + path_);
}

Result<bool> TarSplitWriter::finish() {
    if (spoiled_) return false;
    TRY(flush_content());
    TRY(compress(true));
    return true;
}

// ---- the archive again

TarSplitSource::TarSplitSource(ByteSource& split, Root const& files) : plain_(decompress(split)), files_(files), buffer_(piece_size) {}
TarSplitSource::~TarSplitSource() = default;

Result<bool> TarSplitSource::fill() {
    if (piece_.empty()) piece_ = TRY(plain_->next());
    return !piece_.empty();
}

Result<std::string> TarSplitSource::take(std::size_t count) {
    std::string bytes;
    while (bytes.size() < count) {
        if (!TRY(fill())) return damaged();
        auto const now = std::min(count - bytes.size(), piece_.size());
        bytes.append(piece_.data(), now);
        piece_ = piece_.subspan(now);
    }
    return bytes;
}

Result<void> TarSplitSource::begin_record() {
    auto const kind = TRY(take(1)).front();
    if (kind == 'b') {
        own_left_ = number_in<std::uint64_t>(TRY(take(8)));
        return {};
    }
    if (kind != 'f') return damaged();
    auto const head = TRY(take(20));
    offset_ = number_in<std::uint64_t>(std::string_view(head).substr(0, 8));
    length_ = number_in<std::uint64_t>(std::string_view(head).substr(8, 8));
    auto const path_length = number_in<std::uint32_t>(std::string_view(head).substr(16));
    if (path_length > longest_path || offset_ > static_cast<std::uint64_t>(INT64_MAX) || length_ > static_cast<std::uint64_t>(INT64_MAX) - offset_) return damaged();
    path_ = TRY(take(path_length));
    file_ = TRY(files_.open_path(TRY(RootPath::parse(path_)), O_RDONLY | O_NOFOLLOW | O_NONBLOCK).while_doing("open '{}' of the layer", path_));
    // A pipe in its place would be waited for.
    if (!S_ISREG(TRY(stat_fd(file_)).st_mode)) return Error::of(EBADMSG, "'{}' of the layer is no regular file any more", path_);
    return {};
}

Result<std::span<char const>> TarSplitSource::read_content() {
    auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(length_, buffer_.size()));
    ssize_t count = 0;
    while ((count = pread(file_.number(), buffer_.data(), wanted, static_cast<off_t>(offset_))) < 0 && errno == EINTR) {}
    if (count < 0) return Error::from_errno("read '{}' of the layer", path_);
    if (count == 0) return Error::of(ESTALE, "'{}' of the layer is shorter than it was", path_);
    offset_ += static_cast<std::uint64_t>(count);
    length_ -= static_cast<std::uint64_t>(count);
    return std::span<char const>(buffer_).first(static_cast<std::size_t>(count));
}

Result<std::span<char const>> TarSplitSource::next() {
    if (!std::exchange(begun_, true) && TRY(take(magic.size())) != magic) return damaged();
    while (own_left_ == 0 && length_ == 0) {
        if (!TRY(fill())) return std::span<char const>();
        TRY(begin_record());
    }
    if (length_ > 0) return read_content();
    if (!TRY(fill())) return damaged();
    auto const now = piece_.first(static_cast<std::size_t>(std::min<std::uint64_t>(own_left_, piece_.size())));
    piece_ = piece_.subspan(now.size());
    own_left_ -= now.size();
    return now;
}

} // namespace bolt::image
