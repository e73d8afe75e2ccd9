// POSIX extended regular expressions: regex(7).
#pragma once

#include <string>

#include "base/result.h"

namespace bolt::cli {

// Whether it matches anywhere in the text. EINVAL for what is no expression.
Result<bool> matches_expression(std::string const& expression, std::string const& text);

} // namespace bolt::cli
