// Image indexes and manifests: OCI image specification 1.1 (image-index.md, manifest.md, descriptor.md) and Docker's image
// manifest version 2, schema 2, which has the same shape under other media types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "spec/image.h"

namespace bolt::spec {

namespace media_type {
inline constexpr std::string_view oci_index = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view oci_manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view oci_config = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view docker_config = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view docker_list = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view docker_schema1 = "application/vnd.docker.distribution.manifest.v1+json";
inline constexpr std::string_view docker_schema1_signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
} // namespace media_type

// Points at content. The digest is text here; image/digest.h checks it.
struct Descriptor {
    std::string media_type;
    std::string digest;
    std::uint64_t size = 0;
    std::vector<std::string> urls;
    std::vector<std::pair<std::string, std::string>> annotations;
    std::optional<ImagePlatform> platform;
    std::string artifact_type;
    // The value of an annotation, "" without it.
    std::string_view annotation(std::string_view key) const;
};
Result<Descriptor> parse_descriptor(Json const& document);

struct ImageIndex {
    std::vector<Descriptor> manifests;
};
struct ImageManifest {
    std::string media_type, artifact_type;
    Descriptor config;
    std::vector<Descriptor> layers; // lowest first
};

// Either document, told apart by what it says itself; `content_type` (a registry's header, may be "") decides for old
// documents that do not say. Docker's schema 1 is EPROTONOSUPPORT by name; EINVAL names the field that is wrong.
using ManifestOrIndex = std::variant<ImageManifest, ImageIndex>;
Result<ManifestOrIndex> parse_manifest_or_index(std::string_view text, std::string_view content_type);

// How a layer is compressed.
enum class LayerCompression { none, gzip, zstd };
// EINVAL for a media type that is no layer of a file system, naming it. Foreign and non-distributable layers are layers.
Result<LayerCompression> layer_compression_of(std::string_view media_type);

} // namespace bolt::spec
