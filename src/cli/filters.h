// --filter KEY=VALUE of lists: values of one key are alternatives, keys must all hold; of labels every one must hold.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/containers.h"

namespace bolt::cli {

struct Filter {
    std::string key, value;
};
// EINVAL unless it is KEY=VALUE.
Result<Filter> parse_filter(std::string_view text);
// EINVAL names a key that is not among the known ones.
Result<void> check_filter_keys(std::vector<Filter> const& filters, std::span<std::string_view const> known);

// What a label filter says: "KEY" or "KEY=VALUE".
bool has_label(std::vector<std::pair<std::string, std::string>> const& labels, std::string_view wanted);
// EINVAL for a '[' that nothing ends.
Result<void> check_pattern(std::string_view pattern);
// "?" and "*" as the shell has them: fnmatch(3). Used for image references.
bool matches_pattern(std::string_view pattern, std::string_view text);

// The containers of a listing that `filters` let through, in the same order. EINVAL for a value that its key cannot have.
Result<std::vector<engine::Container>> filter_containers(std::vector<engine::Container> const& all, std::vector<Filter> const& filters);

} // namespace bolt::cli
