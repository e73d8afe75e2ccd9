#include "transfer/resolve.h"

#include <algorithm>

#include "base/text.h"
#include "image/hasher.h"
#include "image/platform.h"

namespace bolt::transfer {

Result<Registry::Document> LayoutDocuments::manifest(std::string const& tag_or_digest) {
    auto const asked = image::Digest::parse(tag_or_digest);
    auto const digest = asked ? std::optional(asked.value()) : layout_.find(name_ + ":" + tag_or_digest);
    if (!digest) return Error::of(ENOENT, "there is no shipped image '{}:{}'; there is {}", name_, tag_or_digest, join(layout_.names(), ", "));
    auto bytes = TRY(layout_.read_blob(*digest));
    return Registry::Document{std::move(bytes), "", *digest};
}

namespace {

constexpr int deepest_index = 3;

// The descriptor is the promise; who took the bytes alone could not hand the image on to anybody who compares.
Result<void> check_size(std::string_view bytes, std::uint64_t promised, std::string const& what) {
    return bytes.size() == promised ? Result<void>() : Error::of(EBADMSG, "{} has {} bytes, and what names it says {}; the image is damaged: tell whoever made it", what, bytes.size(), promised);
}

// image-spec, manifest.md: any other type of configuration is an artifact's. The last is what Docker 1.10 wrote.
bool is_configuration(std::string_view media_type) {
    return media_type.empty() || media_type == spec::media_type::oci_config || media_type == spec::media_type::docker_config || media_type == "application/octet-stream";
}

struct Chosen {
    Registry::Document document;
    spec::ImageManifest manifest;
    image::Digest repository;
};

Result<Chosen> find_manifest(DocumentSource& source, std::string const& tag_or_digest, std::string const& what, spec::ImagePlatform const& wanted) {
    auto document = TRY(source.manifest(tag_or_digest));
    auto const repository = document.digest;
    for (int depth = 0;; ++depth) {
        auto parsed = TRY(spec::parse_manifest_or_index(document.bytes, document.content_type).while_doing("the manifest of '{}'", what));
        if (auto* manifest = std::get_if<spec::ImageManifest>(&parsed)) return Chosen{std::move(document), std::move(*manifest), repository};
        if (depth == deepest_index) return Error::of(ELOOP, "the index of '{}' is nested more than {} deep", what, deepest_index);
        auto const chosen = TRY(image::choose(std::get<spec::ImageIndex>(parsed), wanted).while_doing("'{}'", what));
        auto const digest = TRY(image::Digest::parse(chosen.digest).while_doing("the index of '{}'", what));
        document = TRY(source.manifest(digest.text()));
        TRY(check_size(document.bytes, chosen.size, fmt::format("manifest {}", digest)).while_doing("'{}'", what));
    }
}

} // namespace

Result<std::vector<ResolvedLayer>> match_layers(spec::ImageManifest const& manifest, spec::ImageDocument const& document) {
    if (manifest.layers.size() != document.diff_ids.size())
        return Error::of(EINVAL, "the manifest has {} layers and the configuration {}; the image is damaged", manifest.layers.size(), document.diff_ids.size());
    std::vector<ResolvedLayer> layers;
    std::optional<image::Digest> chain;
    for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
        auto const& descriptor = manifest.layers[i];
        // Which compression it is, the bytes say themselves.
        TRY(spec::layer_compression_of(descriptor.media_type).while_doing("layer {}", i + 1));
        auto blob = TRY(image::Digest::parse(descriptor.digest).while_doing("layer {}", i + 1));
        auto diff_id = TRY(image::Digest::parse(document.diff_ids[i]).while_doing("layer {}", i + 1));
        chain = chain ? image::Hasher::of(chain->text() + " " + diff_id.text()) : diff_id;
        layers.push_back({std::move(blob), std::move(diff_id), *chain, descriptor.size, descriptor.urls});
    }
    // overlay refuses a directory that is there twice, and whatever the lower one adds or hides, the upper one does again.
    std::vector<ResolvedLayer> unique;
    for (auto it = layers.rbegin(); it != layers.rend(); ++it) {
        bool const seen = std::any_of(unique.begin(), unique.end(), [&](ResolvedLayer const& layer) { return layer.diff_id == it->diff_id; });
        if (!seen) unique.push_back(*it);
    }
    std::reverse(unique.begin(), unique.end());
    return unique;
}

Result<ResolvedImage> resolve(DocumentSource& source, std::string const& tag_or_digest, std::string const& what, spec::ImagePlatform const& wanted) {
    auto chosen = TRY(find_manifest(source, tag_or_digest, what, wanted));
    auto const& manifest = chosen.manifest;
    if (!manifest.artifact_type.empty() || !is_configuration(manifest.config.media_type))
        return Error::of(EINVAL, "'{}' is an artifact ({}), not an image that can be run", what,
                         manifest.artifact_type.empty() ? manifest.config.media_type : manifest.artifact_type);
    auto config = TRY(image::Digest::parse(manifest.config.digest).while_doing("the manifest of '{}'", what));
    auto config_bytes = TRY(source.blob(config, manifest.config.size));
    TRY(check_size(config_bytes, manifest.config.size, "the configuration").while_doing("'{}'", what));
    auto document = TRY(spec::parse_image_document(config_bytes).while_doing("the configuration of '{}'", what));
    if (!document.platform.architecture.empty() && !image::distance(wanted, document.platform))
        return Error::of(ENOENT, "'{}' is an image for {}, not for {}; choose it with --platform {}", what, document.platform.text(), wanted.text(),
                         document.platform.text());
    auto layers = TRY(match_layers(manifest, document).while_doing("'{}'", what));
    auto digest = chosen.document.digest;
    return ResolvedImage{std::move(chosen.repository), std::move(digest), std::move(config), std::move(chosen.document.bytes),
                         std::move(config_bytes), std::move(document), std::move(layers)};
}

} // namespace bolt::transfer
