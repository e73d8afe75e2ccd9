#include "image/tar_entry.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace bolt::image {

namespace {

constexpr std::size_t most_sparse_pieces = 1u << 20;

// "1700000000.123456789", also negative.
Result<timespec> parse_pax_time(std::string_view text) {
    auto const [whole, fraction, found] = cut(text, '.');
    timespec time{};
    time.tv_sec = TRY(parse_integer(whole));
    std::string digits(fraction.substr(0, 9));
    digits.resize(9, '0');
    time.tv_nsec = found ? static_cast<long>(TRY(parse_unsigned(digits))) : 0;
    if (whole.starts_with('-') && time.tv_nsec > 0) {
        time.tv_sec -= 1;
        time.tv_nsec = 1'000'000'000 - time.tv_nsec;
    }
    return time;
}

Result<void> add_pieces(TarEntry& entry, std::vector<std::uint64_t> const& numbers) {
    if (numbers.size() % 2 != 0) return Error::of(EINVAL, "a sparse file's map has an odd number of numbers");
    if (numbers.size() / 2 > most_sparse_pieces) return Error::of(EINVAL, "a sparse file's map has {} pieces", numbers.size() / 2);
    for (std::size_t i = 0; i < numbers.size(); i += 2) entry.pieces.push_back({numbers[i], numbers[i + 1]});
    return {};
}

Result<void> apply_sparse(PaxRecords const& records, TarEntry& entry, bool& sparse_in_content) {
    auto const find = [&](std::string_view key) {
        auto const at = records.values.find(key);
        return at == records.values.end() ? nullptr : &at->second;
    };
    auto const* major = find("GNU.sparse.major");
    auto const* map = find("GNU.sparse.map");
    auto const* length = find("GNU.sparse.realsize");
    if (!length) length = find("GNU.sparse.size");
    if (!major && !map && records.sparse_numbers.empty() && !find("GNU.sparse.numblocks")) return {};
    entry.sparse = true;
    if (auto const* name = find("GNU.sparse.name")) entry.name = *name;
    if (!length) return Error::of(EINVAL, "a sparse file has no size");
    entry.sparse_size = TRY(parse_unsigned(*length));
    if (major && *major == "1") {
        sparse_in_content = true;
        return {};
    }
    if (!map) return add_pieces(entry, records.sparse_numbers);
    std::vector<std::uint64_t> numbers;
    for (auto const number : split(*map, ',')) numbers.push_back(TRY(parse_unsigned(number)));
    return add_pieces(entry, numbers);
}

} // namespace

namespace {
constexpr std::string_view attribute = "SCHILY.xattr.";

bool is_applied(std::string_view key) {
    constexpr std::string_view known[] = {"path", "linkpath", "size", "uid", "gid", "mtime"};
    return std::ranges::find(known, key) != std::end(known) || key.starts_with(attribute) || key.starts_with("GNU.sparse.");
}
} // namespace

Result<void> parse_pax_records(std::string_view text, PaxRecords& records, std::size_t most) {
    while (!text.empty() && text.front() != '\0') {
        std::size_t length = 0;
        auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), length);
        auto const digits = static_cast<std::size_t>(end - text.data());
        if (failure != std::errc() || length > text.size() || length < digits + 3 || *end != ' ' || text[length - 1] != '\n')
            return Error::of(EINVAL, "an extended header is malformed");
        auto const [key, value, found] = cut(text.substr(digits + 1, length - digits - 2), '=');
        if (!found || key.empty()) return Error::of(EINVAL, "an extended header is malformed");
        if (key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes")
            records.sparse_numbers.push_back(TRY(parse_unsigned(value)));
        else if (is_applied(key))
            records.values.insert_or_assign(std::string(key), std::string(value));
        records.size += is_applied(key) ? length : 0;
        if (records.size > most) return Error::of(EINVAL, "extended headers of more than {} bytes", most);
        text.remove_prefix(length);
    }
    return {};
}

namespace {
Result<void> apply_record(std::string const& key, std::string const& value, TarEntry& entry) {
    if (key.starts_with(attribute))
        entry.attributes.emplace_back(key.substr(attribute.size()), value);
    else if (value.empty())
        return {}; // it takes a global one back
    else if (key == "path")
        entry.name = value;
    else if (key == "linkpath")
        entry.link = value;
    else if (key == "size")
        entry.size = TRY(parse_unsigned(value));
    else if (key == "uid")
        entry.uid = TRY(parse_unsigned(value));
    else if (key == "gid")
        entry.gid = TRY(parse_unsigned(value));
    else if (key == "mtime")
        entry.modified = TRY(parse_pax_time(value));
    return {};
}
} // namespace

Result<void> apply_pax_records(PaxRecords const& global, PaxRecords const& own, TarEntry& entry, bool& sparse_in_content) {
    for (auto const& [key, value] : global.values)
        if (!own.values.contains(key)) TRY(apply_record(key, value, entry));
    for (auto const& [key, value] : own.values) TRY(apply_record(key, value, entry));
    return apply_sparse(own, entry, sparse_in_content);
}

Result<std::int64_t> parse_tar_number(std::string_view field) {
    if (field.empty()) return Error::of(EINVAL, "an empty number");
    if ((static_cast<unsigned char>(field[0]) & 0x80) != 0) {
        // Two's complement over the field's bits but the first, as star and GNU tar write it: the next bit is the sign.
        auto const first = static_cast<unsigned char>(field[0]);
        std::int64_t value = (first & 0x40) != 0 ? static_cast<std::int64_t>(first) - 0x100 : first & 0x3f;
        for (char const c : field.substr(1)) {
            if (value > (INT64_MAX >> 8) || value < (INT64_MIN >> 8)) return Error::of(EINVAL, "a number in a header is too large");
            value = static_cast<std::int64_t>((static_cast<std::uint64_t>(value) << 8) | static_cast<unsigned char>(c));
        }
        return value;
    }
    while (!field.empty() && (field.front() == ' ' || field.front() == '\0')) field.remove_prefix(1);
    while (!field.empty() && (field.back() == ' ' || field.back() == '\0')) field.remove_suffix(1);
    std::uint64_t value = 0;
    for (char const c : field) {
        if (c == ' ' || c == '\0') break;
        if (c < '0' || c > '7' || value > (UINT64_MAX >> 4)) return Error::of(EINVAL, "a header holds a number that is none");
        value = value * 8 + static_cast<unsigned>(c - '0');
    }
    return static_cast<std::int64_t>(value);
}

} // namespace bolt::image
