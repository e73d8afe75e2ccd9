#include "base/time.h"

#include <ctime>

#include "base/text.h"

namespace bolt {

std::string format_rfc3339(Time time) {
    auto const total = time.time_since_epoch().count();
    auto seconds = total / 1'000'000'000;
    auto nanoseconds = total % 1'000'000'000;
    if (nanoseconds < 0) {
        nanoseconds += 1'000'000'000;
        --seconds;
    }
    // Not gmtime_r(3), which reads the file of the local time zone first.
    std::chrono::sys_seconds const whole{std::chrono::seconds(seconds)};
    auto const day = std::chrono::floor<std::chrono::days>(whole);
    std::chrono::year_month_day const date(day);
    std::chrono::hh_mm_ss const clock(whole - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count(), nanoseconds);
}

namespace {
// Reads `digits` digits at `at`; -1 when they are not all there.
int digits_at(std::string_view text, std::size_t at, std::size_t digits) {
    if (at + digits > text.size()) return -1;
    int number = 0;
    for (char const c : text.substr(at, digits)) {
        if (c < '0' || c > '9') return -1;
        number = number * 10 + (c - '0');
    }
    return number;
}
} // namespace

Result<Time> parse_rfc3339(std::string_view text) {
    auto const refuse = [&] { return Error::of(EINVAL, "'{}' is not a time such as 2026-11-21T04:44:16Z", text); };
    std::tm tm{};
    int const parts[] = {digits_at(text, 0, 4), digits_at(text, 5, 2), digits_at(text, 8, 2), digits_at(text, 11, 2), digits_at(text, 14, 2), digits_at(text, 17, 2)};
    for (int const part : parts)
        if (part < 0) return refuse();
    if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' || text[16] != ':' ||
        parts[1] < 1 || parts[1] > 12 || parts[2] < 1 || parts[2] > 31 || parts[3] > 23 || parts[4] > 59 || parts[5] > 60)
        return refuse();
    tm.tm_year = parts[0] - 1900, tm.tm_mon = parts[1] - 1, tm.tm_mday = parts[2];
    tm.tm_hour = parts[3], tm.tm_min = parts[4], tm.tm_sec = parts[5];
    std::int64_t nanoseconds = 0;
    std::size_t at = 19;
    if (at < text.size() && text[at] == '.') {
        std::int64_t unit = 100'000'000;
        for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) nanoseconds += (text[at] - '0') * unit;
    }
    std::int64_t offset = 0;
    auto const zone = text.substr(at);
    if (zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':' && digits_at(zone, 1, 2) >= 0 && digits_at(zone, 4, 2) >= 0)
        offset = (digits_at(zone, 1, 2) * 3600 + digits_at(zone, 4, 2) * 60) * (zone[0] == '-' ? -1 : 1);
    else if (zone != "Z" && zone != "z")
        return refuse();
    constexpr int first_year = 1678, last_year = 2261; // what 64 bits of nanoseconds hold
    if (parts[0] < first_year || parts[0] > last_year) return Error::of(ERANGE, "'{}' is not between the years {} and {}", text, first_year, last_year);
    return Time(std::chrono::seconds(timegm(&tm) - offset) + std::chrono::nanoseconds(nanoseconds));
}

std::string format_age(std::chrono::nanoseconds age) {
    auto const seconds = age.count() / 1'000'000'000;
    auto const plural = [](std::int64_t count, std::string_view unit) { return fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s"); };
    if (seconds < 1) return "Less than a second";
    if (seconds < 60) return plural(seconds, "second");
    auto const minutes = seconds / 60;
    if (minutes == 1) return "About a minute";
    if (minutes < 60) return plural(minutes, "minute");
    auto const hours = (seconds + 1800) / 3600;
    if (hours == 1) return "About an hour";
    if (hours < 48) return plural(hours, "hour");
    if (hours < 24 * 14) return plural(hours / 24, "day");
    if (hours < 24 * 60) return plural(hours / 24 / 7, "week");
    if (hours < 24 * 365 * 2) return plural(hours / 24 / 30, "month");
    return plural(hours / 24 / 365, "year");
}

} // namespace bolt
