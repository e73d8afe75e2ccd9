// What --format asks of a list: docker's table, JSON a line, or a template.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/template.h"

namespace bolt::cli {

// One line of a list: every field that a template may name, in the order in which JSON shows them, and its labels.
struct ListRow {
    Json fields;
    std::vector<std::pair<std::string, std::string>> labels;
};

struct ListColumn {
    std::string_view field, title; // "Names", "NAMES"
};

// "" and "table": `default_table`, a template such as "{{.ID}}\t{{.Names}}", under its titles; "table TEMPLATE": that one; "json": an
// object a line; else the template, a line for each row. "\t" and "\n" may be written as two characters.
Result<std::string> format_list(std::string_view format, std::string_view default_table, std::span<ListColumn const> columns, std::vector<ListRow> const& rows);

// inspect, version, info: "" and "json" as they are called for by `json_layout`, else the template and a newline.
Result<std::string> format_document(std::string_view format, Json const& document, Json::Layout json_layout);

// --format of what is a table or JSON alone. EINVAL for anything but "json".
Result<bool> parse_json_format(std::string_view value);

// "a=1,b=2", as lists show labels.
std::string joined_labels(std::vector<std::pair<std::string, std::string>> const& labels);

} // namespace bolt::cli
