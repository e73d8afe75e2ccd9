#include "catch.h"

#include <zlib.h>
#include <zstd.h>

#include "image/decompress.h"

using namespace bolt;

namespace {

std::string gzip(std::string const& text) {
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, text.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string zstd(std::string const& text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

Result<std::string> inflated(std::string const& data, std::size_t piece) {
    image::MemorySource source(data, piece);
    auto const plain = image::decompress(source);
    std::string text;
    for (;;) {
        auto const part = TRY(plain->next());
        if (part.empty()) return text;
        text.append(part.data(), part.size());
    }
}

std::string sample() {
    std::string text;
    for (unsigned i = 0; text.size() < 1'500'000; ++i) text += std::to_string(i * 2654435761u);
    return text;
}

} // namespace

TEST_CASE("gzip, zstd and plain streams are told apart and read") {
    auto const text = sample();
    for (auto const& data : {gzip(text), zstd(text), text})
        for (std::size_t const piece : {1000ul, 65536ul, 10'000'000ul}) {
            auto const out = inflated(data, piece);
            REQUIRE_OK(out);
            CHECK(out.value() == text);
        }
    CHECK(inflated(gzip("x"), 1).value() == "x");
    CHECK(inflated(zstd("x"), 1).value() == "x");
    CHECK(inflated(gzip(""), 1).value() == "");
    CHECK(inflated("", 1).value() == "");
}

TEST_CASE("several members in a row are one stream; padding is none") {
    CHECK(inflated(gzip("a") + gzip("b"), 3).value() == "ab");
    CHECK(inflated(zstd("a") + zstd("b"), 3).value() == "ab");
    CHECK(inflated(gzip("a") + std::string(512, '\0'), 100).value() == "a");
    CHECK_FALSE(inflated(gzip("a") + "rubbish", 100).ok());
}

TEST_CASE("what is cut off or damaged is refused") {
    auto const text = sample();
    for (auto const& data : {gzip(text), zstd(text)}) {
        CHECK_FALSE(inflated(data.substr(0, data.size() / 2), 4096).ok());
        CHECK_FALSE(inflated(data.substr(0, data.size() - 1), 4096).ok());
        auto damaged = data;
        damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
        auto const out = inflated(damaged, 4096);
        CHECK((!out.ok() || out.value() != text));
    }
    auto wrong_sum = gzip(text);
    wrong_sum[wrong_sum.size() - 6] = static_cast<char>(wrong_sum[wrong_sum.size() - 6] ^ 1);
    CHECK_FALSE(inflated(wrong_sum, 4096).ok());
    CHECK(inflated(std::string("\xfd" "7zXZ\0\0\0", 8), 4096).error().text().find("xz") != std::string::npos);
}
