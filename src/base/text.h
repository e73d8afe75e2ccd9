// Strings: splitting, trimming, numbers, sizes and durations as people write them.
#pragma once

#include <concepts>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bolt {

// RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);
// A text for a terminal: control characters, those of ISO 6429 above 0x7f too, become '?'; line ends and tabs stay.
std::string without_controls(std::string_view text);
// The same for one line of a list: line ends and tabs become '?' too.
std::string on_one_line(std::string_view text);
// ASCII letters alone.
std::string in_lower_case(std::string_view text);
// "a,b,,c" at ',' is {"a", "b", "", "c"}; the empty text is {}.
std::vector<std::string_view> split(std::string_view text, char separator);
// The parts would outlive a text that nobody holds.
template <typename Text>
    requires std::same_as<Text, std::string>
void split(Text&& text, char separator) = delete;
std::string join(std::vector<std::string> const& parts, std::string_view separator);
std::string_view trim(std::string_view text);
// "a=b=c" at '=' is {"a", "b=c"}; second is empty and `found` false without a separator.
struct Cut {
    std::string_view before, after;
    bool found;
};
Cut cut(std::string_view text, char separator);

// A whole decimal number, no sign for the unsigned one, nothing after it; EINVAL names the text.
Result<std::int64_t> parse_integer(std::string_view text);
Result<std::uint64_t> parse_unsigned(std::string_view text);
// Octal digits, as tar headers and umask write them.
Result<std::uint32_t> parse_octal(std::string_view text);

// A count of bytes.
struct Bytes {
    std::uint64_t count = 0;
    auto operator<=>(Bytes const&) const = default;
};
// Docker's sizes: a number and an optional unit b, k, m, g, t (also kb, KiB …), powers of 1024: "512m", "1.5g".
Result<Bytes> parse_bytes(std::string_view text);
// "7.8MB", powers of 1000, as docker's columns print.
std::string format_bytes(Bytes bytes);

// Go's durations: "1h2m3.5s", "300ms"; a bare number is refused with EINVAL.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// An argument as a POSIX shell would need it quoted.
std::string shell_quote(std::string_view argument);

} // namespace bolt
