#include "spec/image.h"

#include <algorithm>

namespace bolt::spec {

namespace {

// A set as Go writes it: an object whose members' values say nothing.
Result<std::vector<std::string>> keys_of(Json const& document, std::string_view key) {
    std::vector<std::string> keys;
    auto const* found = document.find(key);
    if (!found) return keys;
    // Old builders wrote lists here.
    if (found->find_array()) {
        for (auto& name : TRY(document.strings(key)))
            if (std::find(keys.begin(), keys.end(), name) == keys.end()) keys.push_back(std::move(name));
        return keys;
    }
    auto const* object = found->find_object();
    if (!object) return Error::of(EINVAL, "field '{}' is {}, not an object", key, found->kind());
    for (auto const& [name, value] : *object) keys.push_back(name);
    return keys;
}

Json set_of(std::vector<std::string> const& keys) {
    auto object = Json::object();
    for (auto const& key : keys) object.set(key, Json::object());
    return object;
}

// A list of words; a lone string is what some builders write for one.
Result<std::vector<std::string>> words(Json const& document, std::string_view key) {
    auto const* found = document.find(key);
    if (found && found->find_string()) return std::vector<std::string>{*found->find_string()};
    return document.strings(key);
}

// null is the empty text, as those who read it in Go have it.
Result<std::vector<std::pair<std::string, std::string>>> labels_of(Json const& config) {
    std::vector<std::pair<std::string, std::string>> labels;
    auto const* const found = config.find("Labels");
    if (!found || !found->find_object()) return config.string_map("Labels");
    for (auto const& [name, value] : *found->find_object()) {
        if (!value.is_null() && !value.find_string()) return Error::of(EINVAL, "field 'Labels.{}' is {}, not a string", name, value.kind());
        labels.emplace_back(name, value.is_null() ? std::string() : *value.find_string());
    }
    return labels;
}

// What docker leaves of the container that an image was made of ("Hostname", "Image", "Tty") is nobody's.
constexpr std::string_view kept_fields[] = {"ArgsEscaped", "OnBuild", "Shell", "StopTimeout"};

Json other_fields(Json const& config) {
    Json others;
    for (auto const name : kept_fields)
        if (auto const* const value = config.find(name)) others.set(name, *value);
    return others;
}

} // namespace

Result<ImageConfig> parse_image_config(Json const& config) {
    ImageConfig parsed;
    if (config.is_null()) return parsed;
    if (!config.find_object()) return Error::of(EINVAL, "field 'config' is {}, not an object", config.kind());
    parsed.user = TRY(config.string_or("User", ""));
    parsed.exposed_ports = TRY(keys_of(config, "ExposedPorts"));
    parsed.env = TRY(config.strings("Env"));
    parsed.entrypoint = TRY(words(config, "Entrypoint"));
    parsed.cmd = TRY(words(config, "Cmd"));
    parsed.volumes = TRY(keys_of(config, "Volumes"));
    parsed.working_dir = TRY(config.string_or("WorkingDir", ""));
    parsed.labels = TRY(labels_of(config));
    parsed.stop_signal = TRY(config.string_or("StopSignal", ""));
    if (auto const* healthcheck = config.find("Healthcheck")) parsed.healthcheck = *healthcheck;
    parsed.others = other_fields(config);
    return parsed;
}

Json to_json(ImageConfig const& config) {
    auto labels = Json::object();
    for (auto const& [name, value] : config.labels) labels.set(name, value);
    auto document = Json::object();
    document.set_unless_empty("User", config.user)
        .set_unless_empty("ExposedPorts", set_of(config.exposed_ports))
        .set_unless_empty("Env", Json(config.env))
        .set_unless_empty("Entrypoint", Json(config.entrypoint))
        .set_unless_empty("Cmd", Json(config.cmd))
        .set_unless_empty("Volumes", set_of(config.volumes))
        .set_unless_empty("WorkingDir", config.working_dir)
        .set_unless_empty("Labels", std::move(labels))
        .set_unless_empty("StopSignal", config.stop_signal);
    if (!config.healthcheck.is_null()) document.set("Healthcheck", config.healthcheck);
    if (auto const* const others = config.others.find_object())
        for (auto const& [name, value] : *others) document.set(name, value);
    return document;
}

std::string ImagePlatform::text() const {
    auto text = fmt::format("{}/{}", os, architecture);
    if (!variant.empty()) text += "/" + variant;
    return text;
}

namespace {

Result<std::vector<std::string>> parse_diff_ids(Json const& document) {
    auto const* rootfs = document.find("rootfs");
    if (!rootfs) return Error::of(EINVAL, "the image configuration has no 'rootfs'");
    auto const type = TRY(rootfs->string_or("type", "layers"));
    if (type != "layers") return Error::of(EINVAL, "field 'rootfs.type' is '{}', not 'layers'", type);
    return rootfs->strings("diff_ids");
}

} // namespace

Result<std::optional<Time>> find_creation_time(Json const& document) {
    auto const text = TRY(document.string_or("created", ""));
    if (text.empty()) return std::optional<Time>();
    auto const time = parse_rfc3339(text);
    if (!time && !time.error().is(ERANGE)) return time.error();
    return time ? std::optional(time.value()) : std::nullopt;
}

Result<ImageDocument> parse_image_document(std::string_view text) {
    auto const document = TRY(Json::parse(text));
    if (!document.find_object()) return Error::of(EINVAL, "the image configuration is {}, not an object", document.kind());
    ImageDocument parsed;
    parsed.platform.os = TRY(document.string_or("os", "linux"));
    parsed.platform.architecture = TRY(document.string_or("architecture", ""));
    parsed.platform.variant = TRY(document.string_or("variant", ""));
    parsed.created = TRY(find_creation_time(document));
    if (auto const* config = document.find("config")) parsed.config = TRY(parse_image_config(*config));
    parsed.diff_ids = TRY(parse_diff_ids(document));
    if (auto const* history = document.find("history")) parsed.history = *history;
    return parsed;
}

} // namespace bolt::spec
