// Points in time as docker's --since and --until take them.
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace bolt::cli {

// RFC 3339, also without a zone (then UTC), without seconds or without a time of day; seconds since 1970 with an optional
// fraction; or a duration before `now`: "42m", "1h30m".
Result<Time> parse_moment(std::string_view text, Time now);

} // namespace bolt::cli
