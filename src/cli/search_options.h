// What `bolt search` takes: read by bolt, which tells wrong usage, and by bolt-transfer, which does it.
#pragma once

#include <cstddef>

#include "cli/command.h"
#include "cli/filters.h"
#include "cli/push_options.h"

namespace bolt::cli {

struct SearchWords : RegistryWords {
    std::vector<Filter> filters;
    std::string format;
    std::optional<std::size_t> limit;
    bool lists_tags = false, whole = false;
};
Result<std::size_t> parse_search_limit(std::string_view value);

using set_search = Set<SearchWords>;
inline constexpr Option search_options[] = {
    {"authfile", 0, "file", "Read the registry's login from this file", set_search::parsed<&SearchWords::credentials_file, HostPath::absolute>, offers_files},
    {"creds", 0, "user:password", "Log in so, for this once", set_search::parsed<&SearchWords::credentials, parse_credentials>},
    {"filter", 'f', "filter", "Only what is meant: stars=N, is-official=true|false, is-automated=true|false", set_search::parsed_list<&SearchWords::filters, parse_filter>},
    {"format", 0, "string", "Format output: 'table', 'table TEMPLATE', 'json', or a Go template such as '{{.Name}}'", set_search::text<&SearchWords::format>, "table json"},
    {"limit", 0, "number", "At most so many of each registry (default 25; of tags, all)", set_search::parsed<&SearchWords::limit, parse_search_limit>},
    {"list-tags", 0, "", "List the tags of a repository", set_search::flag<&SearchWords::lists_tags>},
    {"no-trunc", 0, "", "Don't truncate output", set_search::flag<&SearchWords::whole>},
    {"tls-verify", 0, "", "Require HTTPS and verify the registry's certificate (default true)", set_search::flag<&SearchWords::verifies_tls>},
};

} // namespace bolt::cli
