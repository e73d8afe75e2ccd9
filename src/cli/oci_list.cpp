// bolt-oci state and list.
#include <algorithm>

#include "cli/expression.h"
#include "cli/oci_commands.h"
#include "cli/output.h"
#include "sys/file.h"

namespace bolt::cli::oci_command {

namespace {

struct ListOptions {
    bool quiet = false, json = false;
};

constexpr Option options_of_list[] = {
    {"quiet", 'q', "", "ids only", Set<ListOptions>::flag<&ListOptions::quiet>},
    {"format", 'f', "table|json", "table (the default) or json", Set<ListOptions>::parsed<&ListOptions::json, asks_for_json>, "table json"},
};

} // namespace

Result<std::vector<std::string>> container_ids(std::optional<std::string> const& expression) {
    auto const& root = globals().root;
    std::vector<std::string> ids;
    auto const names = list_directory(root);
    if (!names && names.error().is(ENOENT)) return ids;
    for (auto const& name : TRY(names))
        if (ContainerDirectory::of(root, name) && (!expression || TRY(matches_expression(*expression, name)))) ids.push_back(name);
    std::ranges::sort(ids);
    return ids;
}

namespace {

Result<Json> all_states() {
    Json states = Json::array();
    for (auto const& id : TRY(container_ids())) {
        auto const directory = TRY(ContainerDirectory::of(globals().root, id));
        auto const record = directory.read();
        if (!record && record.error().is(ESRCH)) continue; // being made or removed at this moment
        if (!record) {
            warn(record.error().text());
            continue;
        }
        states.push(TRY(shown_state(directory, record.value())));
    }
    return states;
}

std::string cell(Json const& state, std::string_view key) {
    auto const* const member = state.find(key);
    if (!member) return "";
    if (auto const* const number = member->find_integer()) return fmt::format("{}", *number);
    return member->find_string() ? *member->find_string() : "";
}

// runc's table: columns at least 12 wide, three blanks apart.
std::string table_of(Json const& states) {
    constexpr std::pair<std::string_view, std::string_view> columns[] = {{"ID", "id"},         {"PID", "pid"},         {"STATUS", "status"},
                                                                         {"BUNDLE", "bundle"}, {"CREATED", "created"}, {"OWNER", "owner"}};
    std::vector<std::size_t> widths;
    for (auto const& [title, key] : columns) {
        std::size_t width = std::max<std::size_t>(12, title.size() + 3);
        for (auto const& state : *states.find_array()) width = std::max(width, cell(state, key).size() + 3);
        widths.push_back(width);
    }
    std::string text;
    auto const add_line = [&](auto const& text_of) {
        for (std::size_t at = 0; at < widths.size(); ++at)
            text += at + 1 == widths.size() ? fmt::format("{}\n", text_of(columns[at])) : fmt::format("{:<{}}", text_of(columns[at]), widths[at]);
    };
    add_line([](auto const& column) { return std::string(column.first); });
    for (auto const& state : *states.find_array()) add_line([&](auto const& column) { return cell(state, column.second); });
    return text;
}

} // namespace

std::span<Option const> const list_options = options_of_list;

int state(Command const& command, Words const& words) {
    NoOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const shown = [&]() -> Result<Json> {
        auto const directory = TRY(ContainerDirectory::of(globals().root, parsed.words[0]));
        return shown_state(directory, TRY(directory.read()));
    }();
    if (!shown) return complain(shown.error());
    return show(shown.value().dump(Json::Layout::pretty));
}

int list(Command const& command, Words const& words) {
    ListOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const states = all_states();
    if (!states) return complain(states.error());
    if (options.json && !options.quiet) return show(states.value().dump() + "\n");
    if (!options.quiet) return show(table_of(states.value()));
    std::string ids;
    for (auto const& state : *states.value().find_array()) ids += cell(state, "id") + "\n";
    return show(ids);
}

} // namespace bolt::cli::oci_command
