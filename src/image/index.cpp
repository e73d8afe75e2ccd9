#include "image/index.h"

#include "image/artifact.h"

namespace bolt::image {

namespace {

struct Parts {
    Json document;
    Json::Array manifests;
    bool has(std::string_view digest) const {
        for (auto const& manifest : manifests)
            if (auto const known = manifest.string_or("digest", ""); known && known.value() == digest) return true;
        return false;
    }
    std::string with(Json changed) {
        document.merge(Json::object().set("manifests", std::move(changed)));
        return document.dump();
    }
};

Result<Parts> take_apart(std::string_view index) {
    if (!std::holds_alternative<spec::ImageIndex>(TRY(spec::parse_manifest_or_index(index, "")))) return Error::of(EINVAL, "it is an image, not an index");
    auto document = TRY(Json::parse(index));
    auto const* const manifests = document.find("manifests") ? document.find("manifests")->find_array() : nullptr;
    auto list = manifests ? *manifests : Json::Array{};
    return Parts{std::move(document), std::move(list)};
}

} // namespace

std::string empty_index(Annotations const& annotations) {
    auto json = Json::object().set("schemaVersion", 2).set("mediaType", spec::media_type::oci_index).set("manifests", Json::array());
    auto texts = Json::object();
    for (auto const& [key, value] : annotations) texts.set(key, value);
    return json.set_unless_empty("annotations", std::move(texts)).dump();
}

Result<std::string> with_manifest(std::string_view index, spec::Descriptor const& manifest) {
    auto parts = TRY(take_apart(index));
    bool const is_there = parts.has(manifest.digest);
    auto changed = Json::array();
    for (auto& known : parts.manifests) changed.push(TRY(known.string_or("digest", "")) == manifest.digest ? descriptor_json(manifest) : std::move(known));
    if (!is_there) changed.push(descriptor_json(manifest));
    return parts.with(std::move(changed));
}

Result<std::string> without_manifest(std::string_view index, std::string_view digest) {
    auto parts = TRY(take_apart(index));
    if (!parts.has(digest)) return Error::of(ENOENT, "the index has no manifest '{}'", digest);
    auto changed = Json::array();
    for (auto& known : parts.manifests)
        if (TRY(known.string_or("digest", "")) != digest) changed.push(std::move(known));
    return parts.with(std::move(changed));
}

Result<std::string> with_other_manifests(std::string_view index, std::map<std::string, spec::Descriptor, std::less<>> const& others, IndexFormat format) {
    auto parts = TRY(take_apart(index));
    auto const type = format == IndexFormat::docker ? spec::media_type::docker_list : spec::media_type::oci_index;
    bool is_other = TRY(parts.document.string_or("mediaType", "")) != type;
    auto changed = Json::array();
    for (auto& known : parts.manifests) {
        auto const before = TRY(spec::parse_descriptor(known));
        if (auto const at = others.find(before.digest); at != others.end()) {
            auto const& now = at->second;
            is_other = is_other || now.digest != before.digest || now.media_type != before.media_type;
            known.merge(Json::object().set("mediaType", now.media_type).set("digest", now.digest).set("size", now.size));
        }
        changed.push(std::move(known));
    }
    if (!is_other) return std::string(index);
    parts.document.merge(Json::object().set("mediaType", type));
    return parts.with(std::move(changed));
}

} // namespace bolt::image
