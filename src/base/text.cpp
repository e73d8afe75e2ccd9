#include "base/text.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

namespace bolt {

bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        auto const first = static_cast<unsigned char>(text[at]);
        std::size_t const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
        if (length == 0 || at + length > text.size()) return false;
        for (std::size_t next = 1; next < length; ++next)
            if ((static_cast<unsigned char>(text[at + next]) & 0xc0) != 0x80) return false;
        auto const second = length > 2 ? static_cast<unsigned char>(text[at + 1]) : 0U;
        if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return false;
        at += length;
    }
    return true;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    if (text.empty()) return parts;
    parts.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), separator)) + 1);
    for (;;) {
        auto const at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == text.npos) return parts;
        text.remove_prefix(at + 1);
    }
}

std::string without_controls(std::string_view text) {
    std::string shown;
    shown.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto const c = static_cast<unsigned char>(text[i]);
        // U+0080 to U+009F are C2 80 to C2 9F.
        bool const is_high = c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        bool const is_low = (c < ' ' && c != '\n' && c != '\t') || c == 0x7f;
        shown += is_low || is_high ? '?' : text[i];
        i += is_high;
    }
    return shown;
}

std::string on_one_line(std::string_view text) {
    auto shown = without_controls(text);
    for (char& c : shown)
        if (c == '\n' || c == '\t') c = '?';
    return shown;
}

std::string in_lower_case(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return lowered;
}

std::string join(std::vector<std::string> const& parts, std::string_view separator) {
    std::string all;
    for (auto const& part : parts) {
        if (&part != parts.data()) all += separator;
        all += part;
    }
    return all;
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n\v\f";
    auto const first = text.find_first_not_of(blank);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

Cut cut(std::string_view text, char separator) {
    auto const at = text.find(separator);
    if (at == text.npos) return {text, {}, false};
    return {text.substr(0, at), text.substr(at + 1), true};
}

namespace {
template <typename Number>
Result<Number> parse_number(std::string_view text, int base) {
    Number number{};
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (failure == std::errc::result_out_of_range) return Error::of(ERANGE, "number '{}' is too large", text);
    if (failure != std::errc{} || end != text.data() + text.size()) return Error::of(EINVAL, "'{}' is not a number", text);
    return number;
}
} // namespace

Result<std::int64_t> parse_integer(std::string_view text) { return parse_number<std::int64_t>(text, 10); }
Result<std::uint64_t> parse_unsigned(std::string_view text) { return parse_number<std::uint64_t>(text, 10); }
Result<std::uint32_t> parse_octal(std::string_view text) { return parse_number<std::uint32_t>(text, 8); }

Result<Bytes> parse_bytes(std::string_view text) {
    double number{};
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    std::string unit;
    for (char const c : text.substr(static_cast<std::size_t>(end - text.data())))
        unit += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    constexpr std::string_view letters = "bkmgtp";
    bool const known = unit.empty() || (letters.find(unit[0]) != letters.npos &&
                                        (unit.size() == 1 || (unit[0] != 'b' && (unit.substr(1) == "b" || unit.substr(1) == "ib"))));
    if (failure != std::errc{} || !known || number < 0 || !std::isfinite(number))
        return Error::of(EINVAL, "'{}' is not a size; write a number and a unit such as 512m or 2g", text);
    double const scaled = unit.empty() ? number : number * std::pow(1024.0, static_cast<double>(letters.find(unit[0])));
    if (scaled >= 9.2e18) return Error::of(ERANGE, "size '{}' is too large", text);
    return Bytes{static_cast<std::uint64_t>(scaled)};
}

std::string format_bytes(Bytes bytes) {
    constexpr std::string_view units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    auto number = static_cast<double>(bytes.count);
    std::size_t unit = 0;
    while (number >= 999.5 && unit + 1 < std::size(units)) {
        number /= 1000;
        ++unit;
    }
    if (unit == 0) return fmt::format("{}B", bytes.count);
    return number < 10 ? fmt::format("{:.2f}{}", number, units[unit])
                       : fmt::format("{:.{}f}{}", number, number < 100 ? 1 : 0, units[unit]);
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
    auto const refuse = [&] { return Error::of(EINVAL, "'{}' is not a duration; write for example 10s, 1m30s or 500ms", text); };
    auto rest = text;
    if (rest.empty()) return refuse();
    double total = 0;
    while (!rest.empty()) {
        double number{};
        auto const [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
        if (failure != std::errc{} || number < 0) return refuse();
        rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        struct Unit {
            std::string_view name;
            double nanoseconds;
        };
        constexpr Unit units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
        auto const* const unit = std::find_if(std::begin(units), std::end(units), [&](Unit const& u) {
            return rest.starts_with(u.name) && (rest.size() == u.name.size() || !std::isalpha(static_cast<unsigned char>(rest[u.name.size()])));
        });
        if (unit == std::end(units)) return refuse();
        rest.remove_prefix(unit->name.size());
        total += number * unit->nanoseconds;
    }
    if (total >= 9.2e18) return Error::of(ERANGE, "duration '{}' is too long", text);
    return std::chrono::nanoseconds(static_cast<std::int64_t>(total));
}

std::string shell_quote(std::string_view argument) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    if (!argument.empty() && argument.find_first_not_of(plain) == argument.npos) return std::string(argument);
    std::string quoted = "'";
    for (char const c : argument) {
        if (c == '\'')
            quoted += "'\\''";
        else
            quoted += c;
    }
    return quoted + "'";
}

} // namespace bolt
