// Points in time as documents write them: RFC 3339 in UTC, nanoseconds.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bolt {

using Clock = std::chrono::system_clock;
using Time = std::chrono::time_point<Clock, std::chrono::nanoseconds>;

// "2026-11-21T04:44:16.123456789Z".
std::string format_rfc3339(Time time);
// Also takes an offset instead of Z, and up to nine fraction digits; EINVAL names the text, ERANGE outside the years 1678 to 2261.
Result<Time> parse_rfc3339(std::string_view text);
// "About a minute ago" as docker's columns say it: "3 seconds", "About an hour", "2 weeks".
std::string format_age(std::chrono::nanoseconds age);

} // namespace bolt
