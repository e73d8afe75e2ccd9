#include "image/artifact.h"

namespace bolt::image {

namespace {

Json annotations_of(std::vector<std::pair<std::string, std::string>> const& annotations) {
    auto json = Json::object();
    for (auto const& [key, value] : annotations) json.set(key, value);
    return json;
}

Json nothing() { return Json::object().set("mediaType", empty_type).set("digest", empty_digest).set("size", std::uint64_t{empty_contents.size()}).set("data", "e30="); }

} // namespace

Json descriptor_json(spec::Descriptor const& descriptor) {
    auto json = Json::object().set("mediaType", descriptor.media_type).set("digest", descriptor.digest).set("size", descriptor.size);
    if (auto const& platform = descriptor.platform) json.set("platform", Json::object().set("architecture", platform->architecture).set("os", platform->os).set_unless_empty("variant", platform->variant));
    return json.set_unless_empty("artifactType", descriptor.artifact_type).set_unless_empty("annotations", annotations_of(descriptor.annotations));
}

std::string Artifact::manifest() const {
    auto layers = Json::array();
    for (auto const& file : files) layers.push(descriptor_json(file));
    if (files.empty()) layers.push(nothing());
    auto json = Json::object().set("schemaVersion", 2).set("mediaType", spec::media_type::oci_manifest).set("artifactType", type).set("config", nothing()).set("layers", std::move(layers));
    if (subject) json.set("subject", Json::object().set("mediaType", subject->media_type).set("digest", subject->digest).set("size", subject->size));
    return json.set_unless_empty("annotations", annotations_of(annotations)).dump();
}

std::string with_referrer(std::string_view index, spec::Descriptor const& manifest) {
    auto manifests = Json::array();
    auto const known = Json::parse(index);
    auto const* const list = known && known.value().find("manifests") ? known.value().find("manifests")->find_array() : nullptr;
    for (auto const& entry : list ? *list : Json::Array{})
        if (auto const digest = entry.string_or("digest", ""); digest && digest.value() != manifest.digest) manifests.push(entry);
    manifests.push(descriptor_json(manifest));
    return Json::object().set("schemaVersion", 2).set("mediaType", spec::media_type::oci_index).set("manifests", std::move(manifests)).dump();
}

} // namespace bolt::image
