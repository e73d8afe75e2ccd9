#include "image/tar_reader.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace bolt::image {

namespace {

// A field of a header: up to its NUL, or all of it.
std::string_view text_field(std::span<char const, 512> header, std::size_t at, std::size_t length) {
    return {header.data() + at, strnlen(header.data() + at, length)};
}
std::string_view raw_field(std::span<char const, 512> header, std::size_t at, std::size_t length) { return {header.data() + at, length}; }

bool is_zero(std::span<char const, 512> block) {
    return std::all_of(block.begin(), block.end(), [](char c) { return c == '\0'; });
}

// The sum takes its own field for spaces. Some old writers added signed characters.
Result<void> check_sum(std::span<char const, 512> header) {
    std::int64_t is_unsigned = 0, is_signed = 0;
    for (std::size_t i = 0; i < header.size(); ++i) {
        char const c = i >= 148 && i < 156 ? ' ' : header[i];
        is_unsigned += static_cast<unsigned char>(c);
        is_signed += static_cast<signed char>(c);
    }
    auto const stated = TRY(parse_tar_number(raw_field(header, 148, 8)));
    if (stated != is_unsigned && stated != is_signed) return Error::of(EINVAL, "a header's checksum is wrong");
    return {};
}

Result<std::uint64_t> count_field(std::span<char const, 512> header, std::size_t at, std::size_t length) {
    auto const number = TRY(parse_tar_number(raw_field(header, at, length)));
    if (number < 0) return Error::of(EINVAL, "a header holds a negative number");
    return static_cast<std::uint64_t>(number);
}

Result<TarEntry> parse_fields(std::span<char const, 512> header) {
    TarEntry entry;
    auto const magic = raw_field(header, 257, 6);
    entry.name = text_field(header, 0, 100);
    // GNU's "ustar " has other things where POSIX has the prefix.
    auto const prefix = text_field(header, 345, 155);
    if (magic == std::string_view("ustar\0", 6) && !prefix.empty()) entry.name = fmt::format("{}/{}", prefix, entry.name);
    entry.link = text_field(header, 157, 100);
    entry.mode = static_cast<mode_t>(TRY(count_field(header, 100, 8)) & 07777);
    entry.uid = TRY(count_field(header, 108, 8));
    entry.gid = TRY(count_field(header, 116, 8));
    entry.size = TRY(count_field(header, 124, 12));
    entry.modified.tv_sec = TRY(parse_tar_number(raw_field(header, 136, 12)));
    if (magic.starts_with("ustar")) {
        entry.device_major = static_cast<unsigned>(TRY(count_field(header, 329, 8)));
        entry.device_minor = static_cast<unsigned>(TRY(count_field(header, 337, 8)));
    }
    return entry;
}

std::string without_nul(std::string text) {
    text.resize(strnlen(text.data(), text.size()));
    return text;
}

} // namespace

Result<void> TarReader::fill() {
    if (!piece_.empty()) return {};
    piece_ = TRY(from_.next());
    taken_ += piece_.size();
    return {};
}

Result<void> TarReader::note(std::span<char const> bytes) { return split_ ? split_->add(bytes) : Result<void>(); }

Result<void> TarReader::finish() {
    for (TRY(fill()); !piece_.empty(); TRY(fill())) TRY(note(std::exchange(piece_, {})));
    return {};
}

// None at a clean end of the stream.
Result<std::optional<TarReader::Block>> TarReader::block() {
    TRY(fill());
    if (piece_.size() >= 512) {
        auto const whole = piece_.first<512>();
        piece_ = piece_.subspan(512);
        TRY(note(whole));
        return std::optional<Block>(whole);
    }
    std::size_t have = 0;
    while (have < 512 && !piece_.empty()) {
        auto const count = std::min(512 - have, piece_.size());
        std::memcpy(straddling_.data() + have, piece_.data(), count);
        piece_ = piece_.subspan(count);
        have += count;
        TRY(fill());
    }
    if (have == 0) return std::optional<Block>();
    if (have < 512) return Error::of(EINVAL, "the archive ends early");
    TRY(note(straddling_));
    return std::optional<Block>(Block(straddling_));
}

Result<std::span<char const>> TarReader::content() {
    if (left_ == 0) return std::span<char const>();
    TRY(fill());
    if (piece_.empty()) return Error::of(EINVAL, "the archive ends early");
    auto const count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, piece_.size()));
    auto const part = piece_.first(count);
    piece_ = piece_.subspan(count);
    left_ -= count;
    return part;
}

Result<void> TarReader::pass_over_rest() {
    left_ += padding_;
    padding_ = 0;
    for (auto part = TRY(content()); !part.empty(); part = TRY(content())) TRY(note(part));
    return {};
}

Result<std::string> TarReader::extension(std::uint64_t size) {
    if (size > longest_extension) return Error::of(EINVAL, "an extended header of {} bytes", size);
    left_ = size;
    padding_ = (512 - size % 512) % 512;
    std::string text;
    for (auto part = TRY(content()); !part.empty(); part = TRY(content())) {
        text.append(part.data(), part.size());
        TRY(note(part));
    }
    return text;
}

Result<std::optional<TarEntry>> TarReader::next() {
    for (;;) {
        TRY(pass_over_rest());
        auto const header = TRY(block());
        if (!header || is_zero(*header)) return std::optional<TarEntry>();
        ++headers_;
        auto entry = TRY(read_header(*header).while_doing("header {} of the archive", headers_));
        if (entry) return entry;
    }
}

// None for an extension, which is kept for the entry that follows.
Result<std::optional<TarEntry>> TarReader::read_header(Block header) {
    TRY(check_sum(header));
    auto entry = TRY(parse_fields(header));
    char const kind = header[156];
    auto const none = std::optional<TarEntry>();
    switch (kind) {
    case 'x':
    case 'X': TRY(parse_pax_records(TRY(extension(entry.size)), local_, longest_extension)); return none;
    case 'g': TRY(parse_pax_records(TRY(extension(entry.size)), global_, most_global_records)); return none;
    case 'L': long_name_ = without_nul(TRY(extension(entry.size))); return none;
    case 'K': long_link_ = without_nul(TRY(extension(entry.size))); return none;
    case 'V':
    case 'M': return Error::of(EINVAL, "the archive is part of several volumes");
    case '1': entry.type = TarEntry::Type::hard_link; break;
    case '2': entry.type = TarEntry::Type::symbolic_link; break;
    case '3': entry.type = TarEntry::Type::character_device; break;
    case '4': entry.type = TarEntry::Type::block_device; break;
    case '5': entry.type = TarEntry::Type::directory; break;
    case '6': entry.type = TarEntry::Type::fifo; break;
    default: entry.type = TarEntry::Type::file; break; // POSIX: an unknown kind is a file
    }
    if (kind == 'S') TRY(read_old_sparse_map(entry, header));
    return std::optional(TRY(finish_entry(std::move(entry))));
}

Result<TarEntry> TarReader::finish_entry(TarEntry entry) {
    if (!long_name_.empty()) entry.name = std::exchange(long_name_, {});
    if (!long_link_.empty()) entry.link = std::exchange(long_link_, {});
    bool sparse_in_content = false;
    TRY(apply_pax_records(global_, std::exchange(local_, {}), entry, sparse_in_content));
    // Before ustar, a directory was a file whose name ends in '/'. The whole name: a header's own may have been cut off there.
    if (entry.type == TarEntry::Type::file && entry.name.ends_with('/')) entry.type = TarEntry::Type::directory;
    for (auto const* text : {&entry.name, &entry.link})
        if (text->find('\0') != text->npos) return Error::of(EINVAL, "a name with a NUL character in it");
    if (entry.size > static_cast<std::uint64_t>(INT64_MAX) - 1024) return Error::of(EINVAL, "a file of {} bytes", entry.size);

    // Links and the like have no content, whatever their size says; a directory's size is a quota in old archives.
    left_ = entry.type == TarEntry::Type::file ? entry.size : 0;
    padding_ = (512 - left_ % 512) % 512;
    if (sparse_in_content) TRY(read_sparse_map_in_content(entry));
    if (entry.sparse) {
        std::uint64_t sum = 0, end = 0;
        for (auto const& piece : entry.pieces) {
            if (piece.offset < end || piece.length > entry.sparse_size || piece.offset > entry.sparse_size - piece.length)
                return Error::of(EINVAL, "a sparse file's map is wrong");
            end = piece.offset + piece.length;
            sum += piece.length;
        }
        if (sum != left_) return Error::of(EINVAL, "a sparse file's map does not fit its content");
    }
    return entry;
}

namespace {
// Pairs of 12-digit numbers; an empty one ends the list.
Result<void> add_old_pieces(std::span<char const, 512> block, std::size_t at, std::size_t count, TarEntry& entry) {
    for (std::size_t i = 0; i < count; ++i, at += 24) {
        if (block[at] == '\0' || block[at + 12] == '\0') return {};
        auto const offset = TRY(count_field(block, at, 12));
        auto const length = TRY(count_field(block, at + 12, 12));
        if (length > 0) entry.pieces.push_back({offset, length});
        if (entry.pieces.size() > TarReader::longest_extension / 24) return Error::of(EINVAL, "a sparse file's map is too long");
    }
    return {};
}
} // namespace

Result<void> TarReader::read_old_sparse_map(TarEntry& entry, Block header) {
    entry.sparse = true;
    entry.sparse_size = TRY(count_field(header, 483, 12));
    TRY(add_old_pieces(header, 386, 4, entry));
    bool more = header[482] != '\0';
    while (more) {
        auto const extended = TRY(block());
        if (!extended) return Error::of(EINVAL, "the archive ends early");
        TRY(add_old_pieces(*extended, 0, 21, entry));
        more = (*extended)[504] != '\0';
    }
    return {};
}

// GNU.sparse 1.0: decimal numbers, one a line, in whole blocks before the data.
Result<void> TarReader::read_sparse_map_in_content(TarEntry& entry) {
    std::uint64_t used = 0, wanted = 0;
    std::vector<std::uint64_t> numbers;
    std::string line;
    bool counted = false;
    while (!counted || numbers.size() < wanted) {
        if (left_ < 512 || used > longest_extension * 16) return Error::of(EINVAL, "a sparse file's map is cut off");
        auto const part = TRY(block());
        if (!part) return Error::of(EINVAL, "the archive ends early");
        left_ -= 512;
        used += 512;
        for (char const c : *part) {
            if (counted && numbers.size() == wanted) break;
            if (c != '\n') {
                line += c;
                if (line.size() > 20) return Error::of(EINVAL, "a sparse file's map is malformed");
                continue;
            }
            auto const number = TRY(parse_unsigned(line));
            line.clear();
            if (counted) {
                numbers.push_back(number);
                continue;
            }
            counted = true;
            if (number > longest_extension) return Error::of(EINVAL, "a sparse file's map has {} pieces", number);
            wanted = number * 2;
        }
    }
    for (std::size_t i = 0; i < numbers.size(); i += 2)
        if (numbers[i + 1] > 0) entry.pieces.push_back({numbers[i], numbers[i + 1]});
    return {};
}

} // namespace bolt::image
