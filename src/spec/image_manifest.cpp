#include "spec/image_manifest.h"

namespace bolt::spec {

std::string_view Descriptor::annotation(std::string_view key) const {
    for (auto const& [name, value] : annotations)
        if (name == key) return value;
    return "";
}

namespace {

Result<ImagePlatform> parse_platform(Json const& document) {
    ImagePlatform platform;
    platform.os = TRY(document.string_or("os", ""));
    platform.architecture = TRY(document.string_or("architecture", ""));
    platform.variant = TRY(document.string_or("variant", ""));
    return platform;
}

Result<std::vector<Descriptor>> parse_descriptors(Json const& document, std::string_view key) {
    std::vector<Descriptor> parsed;
    auto const* found = document.find(key);
    if (!found) return parsed;
    auto const* list = found->find_array();
    if (!list) return Error::of(EINVAL, "field '{}' is {}, not an array", key, found->kind());
    // More than any registry accepts (4 MiB of manifest) is not an image.
    if (list->size() > 10'000) return Error::of(EINVAL, "field '{}' has {} entries", key, list->size());
    for (auto const& entry : *list) parsed.push_back(TRY(parse_descriptor(entry).while_doing("field '{}', entry {}", key, parsed.size())));
    return parsed;
}

Result<ImageManifest> parse_manifest(Json const& document, std::string_view type) {
    ImageManifest manifest;
    manifest.media_type = type;
    manifest.artifact_type = TRY(document.string_or("artifactType", ""));
    auto const* config = document.find("config");
    if (!config) return Error::of(EINVAL, "the manifest has no 'config'");
    manifest.config = TRY(parse_descriptor(*config).while_doing("field 'config'"));
    manifest.layers = TRY(parse_descriptors(document, "layers"));
    return manifest;
}

} // namespace

Result<Descriptor> parse_descriptor(Json const& document) {
    if (!document.find_object()) return Error::of(EINVAL, "a descriptor is {}, not an object", document.kind());
    Descriptor descriptor;
    descriptor.media_type = TRY(document.string_or("mediaType", ""));
    descriptor.digest = TRY(document.string_or("digest", ""));
    if (descriptor.digest.empty()) return Error::of(EINVAL, "a descriptor has no 'digest'");
    auto const size = TRY(document.find_integer("size"));
    if (!size || *size < 0) return Error::of(EINVAL, "the descriptor of '{}' has no valid 'size'", descriptor.digest);
    descriptor.size = static_cast<std::uint64_t>(*size);
    descriptor.urls = TRY(document.strings("urls"));
    descriptor.annotations = TRY(document.string_map("annotations"));
    descriptor.artifact_type = TRY(document.string_or("artifactType", ""));
    if (auto const* platform = document.find("platform")) descriptor.platform = TRY(parse_platform(*platform));
    return descriptor;
}

Result<ManifestOrIndex> parse_manifest_or_index(std::string_view text, std::string_view content_type) {
    auto const document = TRY(Json::parse(text));
    if (!document.find_object()) return Error::of(EINVAL, "the manifest is {}, not an object", document.kind());
    auto const version = TRY(document.integer_or("schemaVersion", 2));
    auto type = TRY(document.string_or("mediaType", ""));
    if (type.empty()) type = content_type.substr(0, content_type.find(';'));
    if (version == 1 || type == media_type::docker_schema1 || type == media_type::docker_schema1_signed)
        return Error::of(EPROTONOSUPPORT, "the manifest is in Docker's schema 1, which was retired in 2019; push the image again with a current tool");
    if (version != 2) return Error::of(EINVAL, "the manifest has schemaVersion {}, not 2", version);

    bool const has_manifests = document.find("manifests") != nullptr;
    bool const has_layers = document.find("layers") != nullptr || document.find("config") != nullptr;
    // A document that could be read as both is how one digest is made to mean two images (CVE-2021-41190).
    if (has_manifests && has_layers) return Error::of(EINVAL, "the manifest is an index and an image at once");
    bool const named_index = type == media_type::oci_index || type == media_type::docker_list;
    bool const named_manifest = type == media_type::oci_manifest || type == media_type::docker_manifest;
    if ((named_index && has_layers) || (named_manifest && has_manifests)) return Error::of(EINVAL, "the manifest's contents are not of its media type '{}'", type);
    if (has_manifests || named_index) {
        ImageIndex index;
        index.manifests = TRY(parse_descriptors(document, "manifests"));
        return ManifestOrIndex(std::move(index));
    }
    return ManifestOrIndex(TRY(parse_manifest(document, type)));
}

Result<LayerCompression> layer_compression_of(std::string_view type) {
    struct Known {
        std::string_view type;
        LayerCompression compression;
    };
    static constexpr Known known[] = {
        {"application/vnd.oci.image.layer.v1.tar", LayerCompression::none},
        {"application/vnd.oci.image.layer.v1.tar+gzip", LayerCompression::gzip},
        {"application/vnd.oci.image.layer.v1.tar+zstd", LayerCompression::zstd},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar", LayerCompression::none},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", LayerCompression::gzip},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", LayerCompression::zstd},
        {"application/vnd.docker.image.rootfs.diff.tar", LayerCompression::none},
        {"application/vnd.docker.image.rootfs.diff.tar.gzip", LayerCompression::gzip},
        {"application/vnd.docker.image.rootfs.diff.tar.zstd", LayerCompression::zstd},
        {"application/vnd.docker.image.rootfs.foreign.diff.tar", LayerCompression::none},
        {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", LayerCompression::gzip},
    };
    for (auto const& entry : known)
        if (entry.type == type) return entry.compression;
    return Error::of(EINVAL, "media type '{}' is no file system layer", type);
}

} // namespace bolt::spec
