#include "image/compress.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <zlib.h>
#include <zstd.h>
#if BOLT_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

namespace bolt::image {

namespace {

constexpr std::size_t packed_piece = 256 * 1024;

class PlainSource : public ByteSource {
public:
    explicit PlainSource(ByteSource& from) : from_(from) {}
    Result<std::span<char const>> next() override { return from_.next(); }

private:
    ByteSource& from_;
};

#if BOLT_HAVE_ISAL
// Seven times as fast as zlib's fastest level, and packs nearly as well.
class FastGzip : public ByteSource {
public:
    explicit FastGzip(ByteSource& from) : from_(from), work_(ISAL_DEF_LVL2_DEFAULT), output_(packed_piece) {
        isal_deflate_init(&stream_);
        stream_.level = 2;
        stream_.level_buf = work_.data();
        stream_.level_buf_size = static_cast<std::uint32_t>(work_.size());
        stream_.gzip_flag = IGZIP_GZIP;
    }

    Result<std::span<char const>> next() override {
        stream_.next_out = reinterpret_cast<std::uint8_t*>(output_.data());
        stream_.avail_out = static_cast<std::uint32_t>(output_.size());
        while (stream_.avail_out > 0 && stream_.internal_state.state != ZSTATE_END) {
            if (stream_.avail_in == 0 && stream_.end_of_stream == 0) TRY(fill());
            if (isal_deflate(&stream_) != COMP_OK) return Error::of(EIO, "compress with gzip");
        }
        return std::span<char const>(output_).first(output_.size() - stream_.avail_out);
    }

private:
    Result<void> fill() {
        auto const piece = TRY(from_.next());
        stream_.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(piece.data()));
        stream_.avail_in = static_cast<std::uint32_t>(piece.size());
        stream_.end_of_stream = piece.empty() ? 1 : 0;
        return {};
    }

    ByteSource& from_;
    isal_zstream stream_{};
    std::vector<std::uint8_t> work_;
    std::vector<char> output_;
};
#endif

class Gzip : public ByteSource {
public:
    Gzip(ByteSource& from, int level) : from_(from), output_(packed_piece) { deflateInit2(&stream_, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY); }
    Gzip(Gzip&&) = delete;
    ~Gzip() override { deflateEnd(&stream_); }

    Result<std::span<char const>> next() override {
        stream_.next_out = reinterpret_cast<Bytef*>(output_.data());
        stream_.avail_out = static_cast<uInt>(output_.size());
        while (stream_.avail_out > 0 && !over_) {
            if (stream_.avail_in == 0 && !last_) {
                auto const piece = TRY(from_.next());
                stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
                stream_.avail_in = static_cast<uInt>(piece.size());
                last_ = piece.empty();
            }
            auto const status = deflate(&stream_, last_ ? Z_FINISH : Z_NO_FLUSH);
            if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) return Error::of(EIO, "compress with gzip");
            over_ = status == Z_STREAM_END;
        }
        return std::span<char const>(output_).first(output_.size() - stream_.avail_out);
    }

private:
    ByteSource& from_;
    z_stream stream_{};
    std::vector<char> output_;
    bool last_ = false, over_ = false;
};

class Zstd : public ByteSource {
public:
    Zstd(ByteSource& from, int level) : from_(from), context_(ZSTD_createCCtx(), ZSTD_freeCCtx), output_(packed_piece) {
        ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
        ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
        // A library without threads refuses, and packs with one: ignoring.
        ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_nbWorkers, static_cast<int>(std::min(4u, std::thread::hardware_concurrency())));
    }

    Result<std::span<char const>> next() override {
        ZSTD_outBuffer output{output_.data(), output_.size(), 0};
        while (output.pos < output.size && !over_) {
            if (input_.pos == input_.size && !last_) {
                auto const piece = TRY(from_.next());
                input_ = {piece.data(), piece.size(), 0};
                last_ = piece.empty();
            }
            auto const left = ZSTD_compressStream2(context_.get(), &output, &input_, last_ ? ZSTD_e_end : ZSTD_e_continue);
            if (ZSTD_isError(left)) return Error::of(EIO, "compress with zstd: {}", ZSTD_getErrorName(left));
            over_ = last_ && left == 0;
        }
        return std::span<char const>(output_).first(output.pos);
    }

private:
    ByteSource& from_;
    std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context_;
    ZSTD_inBuffer input_{nullptr, 0, 0};
    std::vector<char> output_;
    bool last_ = false, over_ = false;
};

} // namespace

Result<std::unique_ptr<ByteSource>> compress(ByteSource& from, spec::LayerCompression how, std::optional<int> level) {
    using Made = std::unique_ptr<ByteSource>;
    int const highest = how == spec::LayerCompression::zstd ? 19 : 9;
    if (level && (*level < 1 || *level > highest)) return Error::of(EINVAL, "there is no level {}: {} has 1 to {}", *level, how == spec::LayerCompression::zstd ? "zstd" : "gzip", highest);
    if (how == spec::LayerCompression::none) return Made(std::make_unique<PlainSource>(from));
    if (how == spec::LayerCompression::zstd) return Made(std::make_unique<Zstd>(from, level.value_or(3)));
#if BOLT_HAVE_ISAL
    if (!level) return Made(std::make_unique<FastGzip>(from));
#endif
    return Made(std::make_unique<Gzip>(from, level.value_or(1)));
}

} // namespace bolt::image
