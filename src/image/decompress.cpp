#include "image/decompress.h"

#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include <lzma.h>
#define ZSTD_STATIC_LINKING_ONLY // ZSTD_getFrameHeader(), which the shared library exports
#include <zstd.h>
#if BOLT_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

namespace bolt::image {

namespace {

constexpr std::size_t output_size = 512 * 1024;

Error ends_early() { return Error::of(EINVAL, "the compressed data end early"); }

// Input that an inflater takes in bites.
class Input {
public:
    explicit Input(ByteSource& from) : from_(from) {}
    // Makes rest() non-empty unless the stream is over.
    Result<void> fill() {
        if (rest_.empty()) rest_ = TRY(from_.next());
        return {};
    }
    std::span<char const> rest() const { return rest_; }
    void take(std::size_t count) { rest_ = rest_.subspan(count); }

private:
    ByteSource& from_;
    std::span<char const> rest_;
};

#if BOLT_HAVE_ISAL
class Inflater {
public:
    void begin() {
        isal_inflate_init(&state_);
        state_.crc_flag = ISAL_GZIP;
    }
    struct Step {
        std::size_t read, written;
        bool member_over;
    };
    Result<Step> step(std::span<char const> input, std::span<char> output) {
        state_.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(input.data()));
        state_.avail_in = static_cast<std::uint32_t>(input.size());
        state_.next_out = reinterpret_cast<std::uint8_t*>(output.data());
        state_.avail_out = static_cast<std::uint32_t>(output.size());
        int const status = isal_inflate(&state_);
        // Positive values only say that there is more to do.
        if (status < 0) return Error::of(EINVAL, "the gzip data are damaged");
        return Step{input.size() - state_.avail_in, output.size() - state_.avail_out, state_.block_state == ISAL_BLOCK_FINISH};
    }

private:
    inflate_state state_{};
};
#else
class Inflater {
public:
    Inflater() = default;
    Inflater(Inflater&&) = delete;
    ~Inflater() { inflateEnd(&state_); }
    void begin() {
        inflateEnd(&state_);
        state_ = {};
        inflateInit2(&state_, 15 + 16);
    }
    struct Step {
        std::size_t read, written;
        bool member_over;
    };
    Result<Step> step(std::span<char const> input, std::span<char> output) {
        state_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
        state_.avail_in = static_cast<uInt>(input.size());
        state_.next_out = reinterpret_cast<Bytef*>(output.data());
        state_.avail_out = static_cast<uInt>(output.size());
        int const status = inflate(&state_, Z_NO_FLUSH);
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) return Error::of(EINVAL, "the gzip data are damaged");
        return Step{input.size() - state_.avail_in, output.size() - state_.avail_out, status == Z_STREAM_END};
    }

private:
    z_stream state_{};
};
#endif

class GzipSource : public ByteSource {
public:
    explicit GzipSource(ByteSource& from) : input_(from), output_(output_size) { inflater_.begin(); }

    Result<std::span<char const>> next() override {
        std::size_t filled = 0;
        while (filled < output_.size() && !over_) {
            TRY(input_.fill());
            if (input_.rest().empty() && between_members_) break;
            if (between_members_ && !TRY(begin_member())) break;
            auto const step = TRY(inflater_.step(input_.rest(), std::span(output_).subspan(filled)));
            if (step.read == 0 && step.written == 0 && !step.member_over) {
                if (input_.rest().empty()) return ends_early();
                return Error::of(EINVAL, "the gzip data are damaged");
            }
            input_.take(step.read);
            filled += step.written;
            between_members_ = step.member_over;
        }
        return std::span<char const>(output_).first(filled);
    }

private:
    // False when only padding is left.
    Result<bool> begin_member() {
        if (input_.rest().front() == '\x1f') {
            inflater_.begin();
            between_members_ = false;
            return true;
        }
        while (!input_.rest().empty()) {
            if (input_.rest().front() != '\0') return Error::of(EINVAL, "there is something behind the gzip data");
            input_.take(1);
            TRY(input_.fill());
        }
        over_ = true;
        return false;
    }

    Input input_;
    Inflater inflater_;
    std::vector<char> output_;
    bool between_members_ = false, over_ = false;
};

class ZstdSource : public ByteSource {
public:
    explicit ZstdSource(ByteSource& from) : input_(from), stream_(ZSTD_createDStream(), ZSTD_freeDStream), output_(output_size) {}

    Result<std::span<char const>> next() override {
        if (!stream_) return Error::of(ENOMEM, "no memory to unpack zstd");
        ZSTD_outBuffer output{output_.data(), output_.size(), 0};
        while (output.pos < output.size) {
            TRY(input_.fill());
            if (input_.rest().empty() && frame_over_) break;
            if (frame_over_) await_large_window();
            ZSTD_inBuffer input{input_.rest().data(), input_.rest().size(), 0};
            auto const before = output.pos;
            auto const status = ZSTD_decompressStream(stream_.get(), &output, &input);
            if (ZSTD_isError(status)) return Error::of(EINVAL, "the zstd data are damaged ({})", ZSTD_getErrorName(status));
            if (input.pos == 0 && output.pos == before && input_.rest().empty()) return ends_early();
            frame_over_ = status == 0;
            input_.take(input.pos);
        }
        return std::span<char const>(output_).first(output.pos);
    }

private:
    // RFC 8878: every decoder has 8 MiB. Layers that want more, up to the library's 128, are unpacked one after another.
    void await_large_window() {
        constexpr unsigned long long usual = 8u << 20;
        static std::mutex large;
        ZSTD_frameHeader header{};
        bool const is_known = ZSTD_getFrameHeader(&header, input_.rest().data(), input_.rest().size()) == 0;
        if (is_known && header.frameType == ZSTD_frame && header.windowSize > usual && !turn_) turn_ = std::unique_lock(large);
    }

    Input input_;
    std::unique_lock<std::mutex> turn_; // released after the stream has given its memory back
    std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream_;
    std::vector<char> output_;
    bool frame_over_ = true;
};

class XzSource : public ByteSource {
public:
    explicit XzSource(ByteSource& from) : input_(from), output_(output_size) {
        constexpr std::uint64_t most_memory = 256u << 20; // xz -9 needs 65 MiB
        ready_ = lzma_stream_decoder(&state_, most_memory, LZMA_CONCATENATED) == LZMA_OK;
    }
    XzSource(XzSource&&) = delete;
    ~XzSource() override { lzma_end(&state_); }

    Result<std::span<char const>> next() override {
        if (!ready_) return Error::of(ENOMEM, "no memory to unpack xz");
        state_.next_out = reinterpret_cast<std::uint8_t*>(output_.data());
        state_.avail_out = output_.size();
        while (state_.avail_out > 0 && !over_) {
            TRY(input_.fill());
            auto const rest = input_.rest();
            state_.next_in = reinterpret_cast<std::uint8_t const*>(rest.data());
            state_.avail_in = rest.size();
            auto const status = lzma_code(&state_, rest.empty() ? LZMA_FINISH : LZMA_RUN);
            input_.take(rest.size() - state_.avail_in);
            over_ = status == LZMA_STREAM_END;
            if (status == LZMA_BUF_ERROR) return ends_early();
            if (status != LZMA_OK && !over_) return Error::of(EINVAL, "the xz data are damaged");
        }
        return std::span<char const>(output_).first(output_.size() - state_.avail_out);
    }

private:
    Input input_;
    lzma_stream state_ = LZMA_STREAM_INIT;
    std::vector<char> output_;
    bool ready_ = false, over_ = false;
};

// Gives back what was read to tell the form.
class RejoinedSource : public ByteSource {
public:
    RejoinedSource(std::vector<char> head, ByteSource& from) : head_(std::move(head)), from_(from) {}
    Result<std::span<char const>> next() override {
        if (given_) return from_.next();
        given_ = true;
        if (head_.empty()) return from_.next();
        return std::span<char const>(head_);
    }

private:
    std::vector<char> head_;
    ByteSource& from_;
    bool given_ = false;
};

class DetectingSource : public ByteSource {
public:
    DetectingSource(ByteSource& from, PackedForms forms) : from_(from), forms_(forms) {}
    Result<std::span<char const>> next() override {
        if (!chosen_) TRY(choose());
        return chosen_->next();
    }

private:
    Result<void> choose() {
        std::vector<char> head;
        while (head.size() < 6) {
            auto const piece = TRY(from_.next());
            if (piece.empty()) break;
            head.insert(head.end(), piece.begin(), piece.end());
        }
        std::string_view const text(head.data(), head.size());
        bool const is_gzip = text.starts_with("\x1f\x8b");
        bool const is_zstd = text.starts_with("\x28\xb5\x2f\xfd") || (text.size() >= 4 && (text[0] & '\xf0') == '\x50' && text.substr(1, 3) == "\x2a\x4d\x18");
        bool const is_xz = text.starts_with("\xfd" "7zXZ");
        if (is_xz && forms_ == PackedForms::of_layers) return Error::of(EPROTONOSUPPORT, "the layer is compressed with xz, which images may not use");
        if (text.starts_with("BZh") && text.size() >= 6 && text.substr(4, 2) == "1A") return Error::of(EPROTONOSUPPORT, "it is compressed with bzip2, which images may not use");
        rejoined_ = std::make_unique<RejoinedSource>(std::move(head), from_);
        if (is_gzip)
            chosen_ = std::make_unique<GzipSource>(*rejoined_);
        else if (is_xz)
            chosen_ = std::make_unique<XzSource>(*rejoined_);
        else if (is_zstd)
            chosen_ = std::make_unique<ZstdSource>(*rejoined_);
        else
            chosen_ = std::move(rejoined_);
        return {};
    }

    ByteSource& from_;
    PackedForms forms_;
    std::unique_ptr<ByteSource> rejoined_, chosen_;
};

} // namespace

std::unique_ptr<ByteSource> decompress(ByteSource& from, PackedForms forms) { return std::make_unique<DetectingSource>(from, forms); }

} // namespace bolt::image
