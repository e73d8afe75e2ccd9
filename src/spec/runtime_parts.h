// The parts of config.json, each read in a file of its own.
#pragma once

#include "spec/runtime.h"

namespace bolt::spec {

Result<Linux> parse_linux(Json const& json);
Result<Seccomp> parse_seccomp(Json const& json);
Result<std::vector<IdMapping>> parse_mappings(Json const& json, std::string_view key);
// One letter of `allowed`.
Result<char> parse_device_type(Json const& json, std::string_view allowed, std::string_view fallback);

} // namespace bolt::spec
