#include "cli/container_row.h"

#include "base/text.h"
#include "cli/output.h"

namespace bolt::cli {

namespace {

constexpr std::size_t longest_command = 20, longest_mount = 15;

// Go's strconv.Quote for what commands hold.
std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (std::size_t i = 0; i < text.size(); ++i) {
        char const c = text[i];
        bool const is_high_control = c == '\xc2' && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0; // U+0080 to U+009F
        if (is_high_control) out += fmt::format("\\u00{:02x}", static_cast<unsigned char>(text[++i]));
        else if (c == '"' || c == '\\') out += '\\', out += c;
        else if (c == '\n') out += "\\n";
        else if (c == '\t') out += "\\t";
        else if (c == '\r') out += "\\r";
        else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else out += c;
    }
    return out + "\"";
}

std::string text_member(Json const& document, std::string_view key) {
    auto const* const found = document.find(key);
    return found && found->find_string() ? *found->find_string() : std::string();
}

std::string mounts_text(engine::Record const& record, Width width) {
    std::vector<std::string> names;
    auto const* const mounts = record.mounts.find_array();
    for (auto const& mount : mounts ? *mounts : Json::Array{}) {
        auto name = text_member(mount, "Name");
        if (name.empty()) name = text_member(mount, "Source");
        if (!name.empty()) names.push_back(width == Width::full ? name : shortened(name, longest_mount));
    }
    return join(names, ",");
}

} // namespace

std::string status_text(monitor::State const& state, Time now) {
    auto const age = [&](std::optional<Time> const& since) { return format_age(since ? now - *since : std::chrono::nanoseconds(0)); };
    switch (state.status) {
    case monitor::Status::created: return "Created";
    case monitor::Status::running: return "Up " + age(state.started_at);
    case monitor::Status::paused: return fmt::format("Up {} (Paused)", age(state.started_at));
    case monitor::Status::restarting: return fmt::format("Restarting ({}) {} ago", state.exit_code, age(state.finished_at));
    case monitor::Status::exited: break;
    }
    return state.finished_at ? fmt::format("Exited ({}) {} ago", state.exit_code, age(state.finished_at)) : fmt::format("Exited ({})", state.exit_code);
}

std::string created_text(Time time) {
    auto text = format_rfc3339(time).substr(0, 19);
    text[10] = ' ';
    return text + " +0000 UTC";
}

ListRow container_row(engine::Container const& container, Width width, Time now) {
    auto const& record = container.record;
    bool const brief = width == Width::brief;
    auto const command = join(record.command, " ");
    auto ports = container.state.status == monitor::Status::running ? join(container.state.ports, ", ") : std::string();
    ListRow row;
    row.labels = record.labels;
    row.fields.set("Command", in_quotes(brief ? shortened(command, longest_command) : command)).set("CreatedAt", created_text(record.created));
    row.fields.set("ID", brief ? record.id.substr(0, 12) : record.id).set("Image", record.image).set("Labels", joined_labels(record.labels));
    row.fields.set("LocalVolumes", fmt::format("{}", record.volumes.size())).set("Mounts", mounts_text(record, width)).set("Names", record.name);
    row.fields.set("Networks", record.network).set("Ports", std::move(ports));
    row.fields.set("RunningFor", format_age(now - record.created) + " ago").set("State", monitor::to_text(container.state.status));
    row.fields.set("Status", status_text(container.state, now));
    return row;
}

} // namespace bolt::cli
