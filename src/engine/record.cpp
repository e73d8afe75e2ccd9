#include "engine/record.h"

#include "base/text.h"
#include "sys/file.h"

namespace bolt::engine {

namespace {
Json map_json(std::vector<std::pair<std::string, std::string>> const& pairs) {
    Json::Object members;
    for (auto const& [key, value] : pairs) members.emplace_back(key, value);
    return members;
}
} // namespace

Json to_json(Record const& record) {
    Json document;
    document.set("id", record.id).set("name", record.name).set("image", record.image).set("image_id", record.image_id);
    document.set("created", format_rfc3339(record.created)).set("command", record.command).set("labels", map_json(record.labels));
    document.set_unless_empty("mounts", record.mounts).set_unless_empty("volumes", record.volumes).set_unless_empty("anonymous_volumes", record.anonymous_volumes);
    document.set("remove", record.remove).set("terminal", record.terminal).set("interactive", record.interactive);
    document.set("default_seccomp", record.default_seccomp).set("run_directory", record.run_directory).set("network", record.network);
    return document;
}

Result<Record> parse_record(Json const& document) {
    Record record;
    record.id = TRY(ContainerId::parse(TRY(document.string_or("id", "")))).text();
    record.name = TRY(document.string_or("name", ""));
    record.image = TRY(document.string_or("image", ""));
    record.image_id = TRY(document.string_or("image_id", ""));
    record.created = TRY(parse_rfc3339(TRY(document.string_or("created", ""))));
    record.command = TRY(document.strings("command"));
    record.labels = TRY(document.string_map("labels"));
    record.volumes = TRY(document.strings("volumes"));
    record.anonymous_volumes = TRY(document.strings("anonymous_volumes"));
    record.remove = TRY(document.bool_or("remove", false));
    record.terminal = TRY(document.bool_or("terminal", false));
    record.interactive = TRY(document.bool_or("interactive", false));
    record.default_seccomp = TRY(document.bool_or("default_seccomp", false));
    if (auto const* const mounts = document.find("mounts")) record.mounts = *mounts;
    record.run_directory = TRY(document.string_or("run_directory", ""));
    record.network = TRY(document.string_or("network", ""));
    return record;
}

HostPath run_directory_of(store::Layout const& layout, Record const& record) {
    auto path = HostPath::parse(record.run_directory);
    return path ? std::move(path).value() : layout.run_containers() / record.id;
}

Result<void> write_record(store::Layout const& layout, Record const& record) {
    auto const file = layout.containers() / record.id / "config.json";
    auto const text = fmt::format("{}\n{}\n{}", to_json(record).dump(), record.options, record.request);
    if (!is_utf8(text)) return Error(EINVAL, "an environment variable or a label of the container is not valid UTF-8");
    return write_file(file, text, 0600, record.remove ? Durability::none : Durability::synced);
}

namespace {

Error damaged(std::string_view id, std::string_view how) {
    return Error::of(EBADMSG, "the record of container {} is damaged ({}); remove it (bolt rm -f {})", id.substr(0, 12), how, id.substr(0, 12));
}

Result<Record> parse_file(std::string_view text, RecordPart part) {
    auto const [line, rest, has_rest] = cut(text, '\n');
    auto const document = TRY(Json::parse(line));
    auto record = TRY(parse_record(document));
    if (!has_rest) return Error::of(EINVAL, "what its monitor is told is missing");
    auto [options, request, has_request] = cut(rest, '\n');
    // Containers that were made before the options had a line of their own.
    if (auto const* const within = document.find("options")) {
        if (part == RecordPart::whole) record.options = within->dump();
        if (auto const* const mounts = within->find("Mounts")) record.mounts = *mounts;
        request = rest;
    } else if (part == RecordPart::whole) {
        record.options = options;
    }
    if (part == RecordPart::summary) return record;
    if (request.empty()) return Error::of(EINVAL, "what its monitor is told is missing");
    record.request = request;
    return record;
}

} // namespace

Result<std::optional<Record>> find_record(store::Layout const& layout, std::string_view id, RecordPart part) {
    auto const file = layout.containers() / id / "config.json";
    auto const text = TRY(part == RecordPart::summary ? find_first_line(file) : find_file(file));
    if (!text || text->empty()) return std::optional<Record>(); // empty: the host went down before it was written
    auto parsed = parse_file(*text, part);
    return parsed ? Result<std::optional<Record>>(std::move(parsed).value()) : damaged(id, fmt::format("'{}': {}", file, parsed.error().text()));
}

namespace {
Result<Json> parse_line(std::string const& line, Record const& record) {
    auto document = Json::parse(line);
    return document ? std::move(document) : damaged(record.id, document.error().text());
}
} // namespace

Result<Json> options_of(Record const& record) { return parse_line(record.options, record); }
Result<Json> request_of(Record const& record) { return parse_line(record.request, record); }

} // namespace bolt::engine
