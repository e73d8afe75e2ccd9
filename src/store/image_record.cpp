#include "store/image_record.h"

#include "sys/file.h"

namespace bolt::store {

namespace {

Result<image::Digest> digest_member(Json const& document, std::string_view key) {
    return image::Digest::parse(TRY(document.string_or(key, ""))).while_doing("field '{}'", key);
}

// A layer's key becomes a path's component.
Result<std::string> layer_key(Json const& document) {
    auto key = TRY(document.string_or("key", ""));
    if (key.size() < 64 || key.find_first_not_of("0123456789abcdef") != key.npos) return Error::of(EINVAL, "'{}' is no layer key", key);
    return key;
}

} // namespace

Json to_json(ReferenceRecord const& record) {
    auto document = Json::object();
    document.set("image", record.image.text()).set("manifest", record.manifest.text()).set("repository", record.repository.text());
    return document.set_unless_empty("source", record.source).set_unless_empty("sourceStamp", record.source_stamp).set_unless_empty("platform", record.platform);
}

Result<ReferenceRecord> parse_reference_record(std::string_view text) {
    auto const document = TRY(Json::parse(text));
    auto image = TRY(digest_member(document, "image"));
    auto manifest = TRY(digest_member(document, "manifest"));
    auto repository = TRY(digest_member(document, "repository"));
    ReferenceRecord record{std::move(image), std::move(manifest), std::move(repository), "", ""};
    record.source = TRY(document.string_or("source", ""));
    record.source_stamp = TRY(document.string_or("sourceStamp", ""));
    record.platform = TRY(document.string_or("platform", ""));
    return record;
}

HostPath repository_directory(Layout const& layout, image::Reference const& reference) {
    return layout.refs() / reference.domain() / reference.repository();
}

HostPath reference_file(Layout const& layout, image::Reference const& reference) {
    auto const name = reference.digest() ? "@" + reference.digest()->text() : ":" + reference.tag();
    return repository_directory(layout, reference) / name;
}

std::string stamp_of(std::string_view path) {
    auto const file = HostPath::parse(path);
    if (!file) return "";
    auto const look = stat_file(file.value());
    return look ? fmt::format("{}.{:09}", look.value().st_mtim.tv_sec, look.value().st_mtim.tv_nsec) : "";
}

Json to_json(ImageRecord const& record) {
    auto layers = Json::array();
    for (auto const& layer : record.layers) layers.push(Json::object().set("key", layer.key).set("diffID", layer.diff_id));
    auto platform = Json::object();
    platform.set("os", record.platform.os).set("architecture", record.platform.architecture).set_unless_empty("variant", record.platform.variant);
    auto document = Json::object();
    document.set("id", record.id.text()).set("manifest", record.manifest.text()).set("platform", std::move(platform)).set("size", record.size.count);
    if (record.created) document.set("created", format_rfc3339(*record.created));
    return document.set("layers", std::move(layers)).set("config", to_json(record.config));
}

Result<ImageRecord> parse_image_record(std::string_view text) {
    auto const document = TRY(Json::parse(text));
    auto id = TRY(digest_member(document, "id"));
    auto manifest = TRY(digest_member(document, "manifest"));
    ImageRecord record{std::move(id), std::move(manifest), {}, {}, {}, {}, {}};
    if (auto const* platform = document.find("platform")) {
        record.platform.os = TRY(platform->string_or("os", ""));
        record.platform.architecture = TRY(platform->string_or("architecture", ""));
        record.platform.variant = TRY(platform->string_or("variant", ""));
    }
    record.size.count = static_cast<std::uint64_t>(TRY(document.integer_or("size", 0)));
    if (auto const created = TRY(document.find_string("created"))) record.created = TRY(parse_rfc3339(*created));
    auto const* layers = document.find("layers");
    if (!layers || !layers->find_array()) return Error::of(EINVAL, "field 'layers' is not an array");
    for (auto const& layer : *layers->find_array()) {
        auto key = TRY(layer_key(layer));
        auto diff_id = TRY(layer.string_or("diffID", ""));
        record.layers.push_back({std::move(key), std::move(diff_id)});
    }
    if (auto const* config = document.find("config")) record.config = TRY(spec::parse_image_config(*config));
    return record;
}

} // namespace bolt::store
