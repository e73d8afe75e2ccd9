#include "cli/list_format.h"

#include "base/text.h"
#include "cli/output.h"

namespace bolt::cli {

namespace {

std::string with_escapes(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool const tab = text.substr(i).starts_with("\\t"), newline = text.substr(i).starts_with("\\n");
        if (tab || newline) ++i;
        out += tab ? '\t' : newline ? '\n' : text[i];
    }
    return out;
}

TemplateMethod label_of(ListRow const& row) {
    return [&row](std::string_view name, std::span<Json const> arguments) -> std::optional<Json> {
        if (name != "Label" || arguments.size() != 1 || !arguments[0].find_string()) return std::nullopt;
        for (auto const& [key, value] : row.labels)
            if (key == *arguments[0].find_string()) return Json(value);
        return Json("");
    };
}

// Docker's title of {{.Label "com.example.some-thing"}} is "some thing".
std::optional<Json> label_title(std::string_view name, std::span<Json const> arguments) {
    if (name != "Label" || arguments.size() != 1 || !arguments[0].find_string()) return std::nullopt;
    std::string title = arguments[0].find_string()->substr(arguments[0].find_string()->rfind('.') + 1);
    for (char& c : title)
        if (c == '-' || c == '_') c = ' ';
    return Json(title);
}

Result<std::string> as_table(std::string_view text, std::span<ListColumn const> columns, std::vector<ListRow> const& rows) {
    auto const parsed = TRY(Template::parse(with_escapes(text)));
    Json titles = Json::object();
    for (auto const& column : columns) titles.set(column.field, column.title);
    std::vector<std::string> lines;
    auto header = TRY(parsed.render_header(titles, label_title));
    lines.push_back(std::move(header));
    for (auto const& row : rows) {
        auto line = TRY(parsed.render(row.fields, label_of(row)));
        lines.push_back(std::move(line));
    }
    return lay_out_columns(lines);
}

} // namespace

Result<std::string> format_list(std::string_view format, std::string_view default_table, std::span<ListColumn const> columns, std::vector<ListRow> const& rows) {
    if (format.empty() || format == "table") return as_table(default_table, columns, rows);
    if (format.starts_with("table") && (format[5] == ' ' || format.substr(5).starts_with("\\t"))) return as_table(trim(format.substr(5)), columns, rows);
    std::string text;
    if (format == "json") {
        for (auto const& row : rows) text += row.fields.dump() + "\n";
        return text;
    }
    auto const parsed = TRY(Template::parse(with_escapes(format)));
    for (auto const& row : rows) text += TRY(parsed.render(row.fields, label_of(row))) + "\n";
    return text;
}

Result<std::string> format_document(std::string_view format, Json const& document, Json::Layout json_layout) {
    if (format.empty() || format == "json") return document.dump(json_layout) + (json_layout == Json::Layout::pretty ? "" : "\n");
    return TRY(TRY(Template::parse(format)).render(document)) + "\n";
}

Result<bool> parse_json_format(std::string_view value) {
    if (value == "json") return true;
    return Error::of(EINVAL, "'{}' is no format here; there is json", value);
}

std::string joined_labels(std::vector<std::pair<std::string, std::string>> const& labels) {
    std::string text;
    for (auto const& [key, value] : labels) text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value);
    return text;
}

} // namespace bolt::cli
