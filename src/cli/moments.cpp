#include "cli/moments.h"

#include "base/text.h"

namespace bolt::cli {

namespace {

// "1136073600.000000001"
std::optional<Time> find_unix_time(std::string_view text) {
    auto const [whole, fraction, has_fraction] = cut(text, '.');
    auto const seconds = parse_unsigned(whole);
    if (!seconds || seconds.value() > 9'000'000'000 || fraction.size() > 9 || (has_fraction && fraction.empty())) return std::nullopt;
    std::int64_t nanoseconds = 0;
    if (has_fraction) {
        auto const digits = parse_unsigned(std::string(fraction) + std::string(9 - fraction.size(), '0'));
        if (!digits) return std::nullopt;
        nanoseconds = static_cast<std::int64_t>(digits.value());
    }
    return Time(std::chrono::seconds(seconds.value()) + std::chrono::nanoseconds(nanoseconds));
}

} // namespace

Result<Time> parse_moment(std::string_view text, Time now) {
    if (auto const time = find_unix_time(text)) return *time;
    if (auto const age = parse_duration(text)) return now - age.value();
    // What is left out is filled up from the right.
    for (std::string_view const rest : {"", "Z", ":00Z", ":00:00Z", "T00:00:00Z"})
        if (auto const time = parse_rfc3339(std::string(text) + std::string(rest))) return time.value();
    return Error::of(EINVAL, "'{}' is neither a time such as 2026-11-21T04:44:16Z nor a duration such as 10m", text);
}

} // namespace bolt::cli
