#include "image/tar_writer.h"

#include <array>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

namespace bolt::image {

namespace {
constexpr std::size_t block_size = 512;
constexpr std::array<char, 2 * block_size> zeros{};

void put(std::array<char, block_size>& block, std::size_t at, std::string_view text) { std::memcpy(block.data() + at, text.data(), text.size()); }

// Eleven octal digits hold 8 GiB; beyond, GNU's base-256 number.
void put_size(std::array<char, block_size>& block, std::uint64_t size) {
    if (size < 1ull << 33) return put(block, 124, fmt::format("{:011o}", size));
    block[124] = '\x80';
    for (std::size_t i = 0; i < 8; ++i) block[135 - i] = static_cast<char>(size >> (8 * i) & 0xff);
}
} // namespace

Result<void> TarWriter::add_header(std::string_view name, char type, std::uint64_t size) {
    if (name.size() > 100) return Error::of(ENAMETOOLONG, "the name '{}' is too long for this archive", name);
    std::array<char, block_size> block{};
    put(block, 0, name);
    put(block, 100, type == '5' ? "0000755" : "0000644");
    put(block, 108, "0000000");
    put(block, 116, "0000000");
    put_size(block, size);
    put(block, 136, "00000000000");
    put(block, 148, "        ");
    block[156] = type;
    put(block, 257, std::string_view("ustar\0" "00", 8));
    auto const sum = std::accumulate(block.begin(), block.end(), 0u, [](unsigned so_far, char c) { return so_far + static_cast<unsigned char>(c); });
    put(block, 148, fmt::format("{:06o}", sum));
    block[154] = '\0';
    return sink_(block);
}

Result<void> TarWriter::add_directory(std::string_view name) { return add_header(name, '5', 0); }

Result<void> TarWriter::add_file(std::string_view name, std::uint64_t size, ByteSource& content) {
    TRY(add_header(name, '0', size));
    std::uint64_t written = 0;
    for (auto piece = TRY(content.next()); !piece.empty(); piece = TRY(content.next())) {
        written += piece.size();
        if (written > size) break;
        TRY(sink_(piece));
    }
    if (written != size) return Error::of(EINVAL, "'{}' has not the {} bytes that were said", name, size);
    return sink_(std::span(zeros).first((block_size - size % block_size) % block_size));
}

Result<void> TarWriter::add_file(std::string_view name, std::string_view content) {
    MemorySource source(content);
    return add_file(name, content.size(), source);
}

Result<void> TarWriter::finish() { return sink_(zeros); }

} // namespace bolt::image
