// bolt search.
#include "cli/commands.h"
#include "cli/search_options.h"
#include "cli/transfer_program.h"

namespace bolt::cli {

Result<std::size_t> parse_search_limit(std::string_view value) {
    auto const limit = TRY(parse_unsigned(value));
    if (limit < 1 || limit > 100'000) return Error::of(EINVAL, "'{}' is not between 1 and 100000", value);
    return static_cast<std::size_t>(limit);
}

constexpr Command search_command{.name = "search", .arguments = "TERM", .summary = "Search registries for images", .options = search_options, .least = 1, .most = 1,
                                 .perform = perform_by_transfer<SearchWords>};

} // namespace bolt::cli
