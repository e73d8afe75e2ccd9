// From a name to the one image that is meant: index, manifest, configuration.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "image/digest.h"
#include "image/reference.h"
#include "spec/image_manifest.h"
#include "transfer/oci_layout.h"
#include "transfer/registry.h"

namespace bolt::transfer {

// Where documents come from. Both calls verify digests.
class DocumentSource {
public:
    virtual ~DocumentSource() = default;
    virtual Result<Registry::Document> manifest(std::string const& tag_or_digest) = 0;
    virtual Result<std::string> blob(image::Digest const& digest, std::uint64_t size) = 0;
};
class RegistryDocuments : public DocumentSource {
public:
    explicit RegistryDocuments(Registry& registry) : registry_(registry) {}
    Result<Registry::Document> manifest(std::string const& tag_or_digest) override { return registry_.manifest(tag_or_digest); }
    Result<std::string> blob(image::Digest const& digest, std::uint64_t size) override { return registry_.blob(digest, size); }

private:
    Registry& registry_;
};
class LayoutDocuments : public DocumentSource {
public:
    // `name` is the image's name without its tag, as the layout's index has it.
    LayoutDocuments(OciLayout const& layout, std::string name) : layout_(layout), name_(std::move(name)) {}
    Result<Registry::Document> manifest(std::string const& tag_or_digest) override;
    Result<std::string> blob(image::Digest const& digest, std::uint64_t) override { return layout_.read_blob(digest); }

private:
    OciLayout const& layout_;
    std::string name_;
};

// A layer as the manifest and the configuration describe it together.
struct ResolvedLayer {
    image::Digest blob, diff_id;
    image::Digest chain_id;       // of this layer and all below it (config.md, "Layer ChainID")
    std::uint64_t size;           // compressed
    std::vector<std::string> urls;
};
struct ResolvedImage {
    image::Digest repository;     // what the name stands for: an index or the manifest
    image::Digest manifest, config;
    std::string manifest_bytes, config_bytes;
    spec::ImageDocument document;
    std::vector<ResolvedLayer> layers; // lowest first; of layers that are there twice only the upper one, which hides the lower
};

// ENOENT lists the platforms when there is no image for `wanted`, whether an index or the configuration says so; EINVAL for what
// is no image; EPROTONOSUPPORT for Docker's schema 1.
// `what` is the image's name in messages.
Result<ResolvedImage> resolve(DocumentSource& source, std::string const& tag_or_digest, std::string const& what, spec::ImagePlatform const& wanted);
// The layers of a manifest and the configuration that it names.
Result<std::vector<ResolvedLayer>> match_layers(spec::ImageManifest const& manifest, spec::ImageDocument const& document);

} // namespace bolt::transfer
