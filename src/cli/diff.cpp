// bolt diff.
#include "cli/commands.h"
#include "cli/list_format.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "engine/container_tree.h"
#include "sys/user_namespace.h"

namespace bolt::cli {

namespace {

struct DiffOptions {
    bool as_json = false;
};

std::string lines_of(std::vector<engine::FileChange> const& changes) {
    using Kind = engine::FileChange::Kind;
    std::string text;
    for (auto const& change : changes) text += fmt::format("{} {}\n", change.kind == Kind::added ? 'A' : change.kind == Kind::changed ? 'C' : 'D', change.path);
    return text;
}

Json document_of(std::vector<engine::FileChange> const& changes) {
    auto document = Json::object();
    for (auto const& [kind, name] : {std::pair(engine::FileChange::Kind::changed, "changed"), {engine::FileChange::Kind::added, "added"}, {engine::FileChange::Kind::deleted, "deleted"}}) {
        auto paths = Json::array();
        for (auto const& change : changes)
            if (change.kind == kind) paths.push(change.path);
        document.set_unless_empty(name, std::move(paths));
    }
    return document;
}

Result<int> show_changes(DiffOptions& options, Words const& words) {
    auto const here = TRY(engine::open_installation());
    auto const container = TRY(engine::find_container(here, words[0]));
    TRY(enter_user_namespace_of_caller(here.user_namespace_holders));
    auto const changes = TRY(engine::list_changes(container));
    TRY(print(options.as_json ? document_of(changes).dump(Json::Layout::pretty) : lines_of(changes)));
    return 0;
}

constexpr Option diff_table[] = {
    {"format", 0, "string", "Format: json", Set<DiffOptions>::parsed<&DiffOptions::as_json, parse_json_format>, "json"},
};

} // namespace

constexpr Command diff_command{.name = "diff", .arguments = "CONTAINER", .summary = "List what a container changed in its image's files", .options = diff_table, .least = 1, .most = 1,
                               .names = Names::containers, .perform = perform<DiffOptions, show_changes>};

} // namespace bolt::cli
