// TOML 1.0 as JSON values, for documents whose members are looked at as JSON's are: tables become objects, dates their text.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace bolt {

// EINVAL names the document and the line.
Result<Json> parse_toml(std::string_view text, std::string const& name);

} // namespace bolt
