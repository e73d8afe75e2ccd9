#include "transfer/manifest_change.h"

#include <algorithm>

namespace bolt::transfer {

namespace {

using spec::LayerCompression;


std::string_view layer_type(bool is_docker, LayerCompression compression) {
    if (is_docker) return compression == LayerCompression::none ? "application/vnd.docker.image.rootfs.diff.tar" : "application/vnd.docker.image.rootfs.diff.tar.gzip";
    switch (compression) {
    case LayerCompression::none: return "application/vnd.oci.image.layer.v1.tar";
    case LayerCompression::gzip: return "application/vnd.oci.image.layer.v1.tar+gzip";
    case LayerCompression::zstd: return "application/vnd.oci.image.layer.v1.tar+zstd";
    }
    return "";
}

// Where in the packed archive a file begins, for those who read files one by one: nothing of it holds when it is packed anew.
constexpr std::string_view offset_annotations[] = {"io.github.containers.zstd-chunked.", "io.containers.zstd-chunked.", "containerd.io/snapshot/stargz/", "io.containers.estargz."};

Json without_offsets(Json const& layer) {
    Json removed = Json::object();
    auto const* const annotations = layer.find("annotations");
    for (auto const& [name, value] : annotations && annotations->find_object() ? *annotations->find_object() : Json::Object{})
        if (std::ranges::any_of(offset_annotations, [&](auto const& prefix) { return name.starts_with(prefix); })) removed.set(name, Json());
    return removed;
}

Json merged(Json json, Json const& patch) {
    json.merge(patch);
    return json;
}

} // namespace

Result<std::string> ManifestChange::apply(std::string const& manifest) const {
    auto document = TRY(Json::parse(manifest));
    auto const was_docker = TRY(document.string_or("mediaType", "")) == spec::media_type::docker_manifest;
    auto const has_zstd = std::ranges::any_of(blobs, [](auto const& blob) { return blob.second.compression == LayerCompression::zstd; });
    if (format == ManifestFormat::docker && has_zstd) return Error::of(EINVAL, "the image has layers in zstd, which Docker's format has not; add --force-compression --compression-format gzip");
    bool const is_docker = format == ManifestFormat::docker || (format == ManifestFormat::as_it_is && was_docker && !has_zstd);
    bool const changes_format = is_docker != was_docker;

    auto const* const layers = document.find("layers") ? document.find("layers")->find_array() : nullptr;
    auto changed_layers = Json::array();
    bool changes_layers = false;
    for (auto const& layer : layers ? *layers : Json::Array{}) {
        auto const digest = TRY(layer.string_or("digest", ""));
        auto const at = blobs.find(digest);
        if (at == blobs.end()) return Error::of(EINVAL, "the manifest names layer {}, which was not pushed", digest);
        auto const& blob = at->second;
        bool const is_other = blob.blob.text() != digest;
        changes_layers = changes_layers || is_other;
        Json patch = Json::object();
        if (is_other || changes_format) patch.set("mediaType", layer_type(is_docker, blob.compression));
        if (is_other) patch.set("digest", blob.blob.text()).set("size", blob.size);
        if (auto removed = without_offsets(layer); is_other && !removed.find_object()->empty()) patch.set("annotations", std::move(removed));
        changed_layers.push(merged(layer, patch));
    }
    if (!changes_layers && !changes_format) return manifest;
    Json patch = Json::object().set("layers", std::move(changed_layers));
    if (changes_format) {
        patch.set("mediaType", is_docker ? spec::media_type::docker_manifest : spec::media_type::oci_manifest);
        patch.set("config", Json::object().set("mediaType", is_docker ? spec::media_type::docker_config : spec::media_type::oci_config));
    }
    document.merge(patch);
    return document.dump();
}

} // namespace bolt::transfer
