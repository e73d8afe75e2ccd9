#include "cli/image_document.h"

#include "image/reference.h"
#include "spec/image.h"
#include "sys/file.h"

namespace bolt::cli {

namespace {

// What stands in the configuration alone: the uncompressed layers' digests, lowest first, who made it and what was said to it.
struct Stated {
    Json layers = Json::array();
    std::string author, comment;
};
Result<Stated> read_stated(store::Layout const& layout, store::Image const& image) {
    Stated stated;
    auto const text = TRY(find_file(layout.blob(image.id)));
    if (!text) return stated;
    auto const document = TRY(spec::parse_image_document(*text));
    for (auto const& digest : document.diff_ids) stated.layers.push(digest);
    stated.author = TRY(TRY(Json::parse(*text)).string_or("author", ""));
    auto const* const history = document.history.find_array();
    if (history && !history->empty()) stated.comment = TRY(history->back().string_or("comment", ""));
    return stated;
}

Json labels_json(std::vector<std::pair<std::string, std::string>> const& labels) {
    Json::Object members;
    for (auto const& [key, value] : labels) members.emplace_back(key, value);
    return members;
}

Json keys_json(std::vector<std::string> const& keys) {
    Json::Object members;
    for (auto const& key : keys) members.emplace_back(key, Json::object());
    return members;
}

Json list_json(std::vector<std::string> const& values) { return values.empty() ? Json() : Json(values); }

Json config_json(spec::ImageConfig const& config) {
    Json document;
    document.set("User", config.user).set("ExposedPorts", keys_json(config.exposed_ports)).set("Env", config.env.empty() ? Json::array() : Json(config.env));
    document.set("Cmd", list_json(config.cmd)).set("Entrypoint", list_json(config.entrypoint)).set("Volumes", keys_json(config.volumes));
    document.set("WorkingDir", config.working_dir).set("Labels", labels_json(config.labels)).set("StopSignal", config.stop_signal);
    if (!config.healthcheck.is_null()) document.set("Healthcheck", config.healthcheck);
    if (auto const* const others = config.others.find_object())
        for (auto const& [name, value] : *others) document.set(name, value);
    return document;
}

} // namespace

Result<Json> image_document(store::Layout const& layout, store::Image const& image) {
    auto tags = Json::array(), digests = Json::array();
    for (auto const& reference : image.references) {
        if (shown_name(reference).tag != "<none>") tags.push(familiar_text(reference));
        if (auto const digest = digest_text(image, reference); !digest.empty()) digests.push(digest);
    }
    auto stated = TRY(read_stated(layout, image));
    std::string lower;
    for (auto const& layer : image.layers) lower += (lower.empty() ? "" : ":") + layer.text();
    Json document;
    document.set("Id", image.id.text()).set("RepoTags", std::move(tags)).set("RepoDigests", std::move(digests)).set("Created", format_rfc3339(image.created));
    document.set("Config", config_json(image.config)).set("Architecture", image.platform.architecture).set("Variant", image.platform.variant).set("Os", image.platform.os);
    document.set("Size", static_cast<std::int64_t>(image.size.count)).set("GraphDriver", Json().set("Name", "overlay").set("Data", Json().set("LowerDir", lower)));
    document.set("RootFS", Json().set("Type", "layers").set("Layers", std::move(stated.layers))).set("Author", stated.author).set("Comment", stated.comment);
    return document;
}

ShownName shown_name(std::string const& reference) {
    auto const parsed = image::Reference::parse(reference);
    if (!parsed) return {reference, "<none>"};
    return {parsed.value().familiar_name(), parsed.value().tag().empty() ? "<none>" : parsed.value().tag()};
}

std::string familiar_text(std::string const& reference) {
    auto const name = shown_name(reference);
    return name.tag == "<none>" ? name.repository : fmt::format("{}:{}", name.repository, name.tag);
}

std::string digest_text(store::Image const& image, std::string const& reference) {
    return image.repository_digest ? fmt::format("{}@{}", shown_name(reference).repository, *image.repository_digest) : std::string();
}

} // namespace bolt::cli
