#include "image/tar_writer.h"

#include <array>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

namespace bolt::image {

namespace {
constexpr std::size_t block_size = 512;
constexpr std::array<char, 2 * block_size> zeros{};

using Block = std::array<char, block_size>;

void put(Block& block, std::size_t at, std::string_view text) {
    if (!text.empty()) std::memcpy(block.data() + at, text.data(), text.size());
}

constexpr std::uint64_t most_in_7_digits = 07777777, most_in_11_digits = 077777777777;

// Eleven octal digits hold 8 GiB; beyond, GNU's base-256 number.
void put_size(Block& block, std::uint64_t size) {
    if (size <= most_in_11_digits) return put(block, 124, fmt::format("{:011o}", size));
    block[124] = '\x80';
    for (std::size_t i = 0; i < 8; ++i) block[135 - i] = static_cast<char>(size >> (8 * i) & 0xff);
}

struct Header {
    std::string_view name, link;
    char type = '0';
    mode_t mode = 0;
    std::uint64_t uid = 0, gid = 0, size = 0;
    std::int64_t modified = 0;
    unsigned device_major = 0, device_minor = 0;
};
// What a field does not hold is cut: an extended header says it then.
Block make_block(Header const& header) {
    Block block{};
    put(block, 0, header.name.substr(0, 100));
    put(block, 100, fmt::format("{:07o}", header.mode & 07777u));
    put(block, 108, fmt::format("{:07o}", header.uid <= most_in_7_digits ? header.uid : 0));
    put(block, 116, fmt::format("{:07o}", header.gid <= most_in_7_digits ? header.gid : 0));
    put_size(block, header.size);
    put(block, 136, fmt::format("{:011o}", header.modified >= 0 && static_cast<std::uint64_t>(header.modified) <= most_in_11_digits ? header.modified : 0));
    put(block, 148, "        ");
    block[156] = header.type;
    put(block, 157, header.link.substr(0, 100));
    put(block, 257, std::string_view("ustar\0" "00", 8));
    if (header.type == '3' || header.type == '4') {
        put(block, 329, fmt::format("{:07o}", header.device_major));
        put(block, 337, fmt::format("{:07o}", header.device_minor));
    }
    auto const sum = std::accumulate(block.begin(), block.end(), 0u, [](unsigned so_far, char c) { return so_far + static_cast<unsigned char>(c); });
    put(block, 148, fmt::format("{:06o}", sum));
    block[154] = '\0';
    return block;
}

// "LENGTH KEY=VALUE\n", where the length counts its own digits.
std::string pax_record(std::string_view key, std::string_view value) {
    auto const rest = key.size() + value.size() + 3;
    auto length = rest + 1;
    while (length != rest + fmt::formatted_size("{}", length)) length = rest + fmt::formatted_size("{}", length);
    return fmt::format("{} {}={}\n", length, key, value);
}

std::string pax_records(TarEntry const& entry) {
    std::string records;
    if (entry.name.size() > 100) records += pax_record("path", entry.name);
    if (entry.link.size() > 100) records += pax_record("linkpath", entry.link);
    if (entry.uid > most_in_7_digits) records += pax_record("uid", fmt::format("{}", entry.uid));
    if (entry.gid > most_in_7_digits) records += pax_record("gid", fmt::format("{}", entry.gid));
    if (entry.modified.tv_sec < 0 || static_cast<std::uint64_t>(entry.modified.tv_sec) > most_in_11_digits) records += pax_record("mtime", fmt::format("{}", entry.modified.tv_sec));
    for (auto const& [name, value] : entry.attributes) records += pax_record("SCHILY.xattr." + name, value);
    return records;
}

char type_of(TarEntry::Type type) {
    switch (type) {
    case TarEntry::Type::file: return '0';
    case TarEntry::Type::hard_link: return '1';
    case TarEntry::Type::symbolic_link: return '2';
    case TarEntry::Type::character_device: return '3';
    case TarEntry::Type::block_device: return '4';
    case TarEntry::Type::directory: return '5';
    case TarEntry::Type::fifo: return '6';
    }
    return '0';
}

std::span<char const> padding_of(std::uint64_t size) { return std::span(zeros).first((block_size - size % block_size) % block_size); }
} // namespace

Result<void> TarWriter::add_plain_header(std::string_view name, char type, std::uint64_t size) {
    if (name.size() > 100) return Error::of(ENAMETOOLONG, "the name '{}' is too long for this archive", name);
    return put(make_block({.name = name, .link = {}, .type = type, .mode = type == '5' ? 0755u : 0644u, .size = size}));
}

Result<void> TarWriter::add_extended_header(TarEntry const& entry) {
    auto const records = pax_records(entry);
    if (records.empty()) return {};
    auto const name = "PaxHeaders/" + entry.name.substr(0, 80);
    TRY(put(make_block({.name = name, .link = {}, .type = 'x', .mode = 0644, .size = records.size()})));
    TRY(put(records));
    return put(padding_of(records.size()));
}

Result<void> TarWriter::add(TarEntry const& entry, ByteSource* content) {
    TRY(add_extended_header(entry));
    TRY(put(make_block({.name = entry.name, .link = entry.link, .type = type_of(entry.type), .mode = entry.mode, .uid = entry.uid, .gid = entry.gid, .size = entry.size,
                          .modified = entry.modified.tv_sec, .device_major = entry.device_major, .device_minor = entry.device_minor})));
    return entry.size == 0 ? Result<void>() : add_content(entry.name, entry.size, *content);
}

Result<void> TarWriter::add_content(std::string_view name, std::uint64_t size, ByteSource& content) {
    std::uint64_t written = 0;
    for (auto piece = TRY(content.next()); !piece.empty(); piece = TRY(content.next())) {
        written += piece.size();
        if (written > size) break;
        TRY(put(piece));
    }
    if (written != size) return Error::of(EINVAL, "'{}' has not the {} bytes that were said", name, size);
    return put(padding_of(size));
}

Result<void> TarWriter::add_directory(std::string_view name) { return add_plain_header(name, '5', 0); }

Result<void> TarWriter::add_file(std::string_view name, std::uint64_t size, ByteSource& content) {
    TRY(add_plain_header(name, '0', size));
    return add_content(name, size, content);
}

Result<void> TarWriter::add_file(std::string_view name, std::string_view content) {
    MemorySource source(content);
    return add_file(name, content.size(), source);
}

Result<void> TarWriter::finish() {
    TRY(put(zeros));
    return flush();
}

Result<void> TarWriter::put(std::span<char const> piece) {
    constexpr std::size_t most = 128 * 1024;
    if (buffer_.size() + piece.size() > most) TRY(flush());
    if (piece.size() > most) return sink_(piece);
    buffer_.insert(buffer_.end(), piece.begin(), piece.end());
    return {};
}

Result<void> TarWriter::flush() {
    if (buffer_.empty()) return {};
    auto written = sink_(buffer_);
    buffer_.clear();
    return written;
}

} // namespace bolt::image
