#include "transfer/made_image.h"

#include <unistd.h>

#include "base/time.h"
#include "image/hasher.h"
#include "image/range_source.h"
#include "store/sweep.h"
#include "sys/file.h"
#include "transfer/commit.h"
#include "transfer/image_documents.h"
#include "transfer/manifest_change.h"
#include "transfer/resolve.h"

namespace bolt::transfer {

namespace {

struct Documents {
    Json config, manifest;
};

// OCI's words for all of it, whichever the base has.
Result<Documents> documents_of_base(store::Layout const& layout, ImageToMake const& image) {
    if (!image.base) {
        auto config = Json::object().set("architecture", image.platform.architecture).set("os", image.platform.os).set_unless_empty("variant", image.platform.variant);
        return Documents{std::move(config), Json::object().set("schemaVersion", 2).set("mediaType", spec::media_type::oci_manifest)};
    }
    auto const documents = TRY(read_documents(layout, *image.base, nullptr));
    ManifestChange change{ManifestFormat::oci, {}};
    for (auto const& layer : documents.layers) change.blobs.emplace(layer.blob.text(), LayerInRepository{layer.blob, layer.size, layer.compression});
    auto manifest = TRY(Json::parse(TRY(change.apply(documents.manifest))));
    auto config = TRY(Json::parse(documents.config));
    return Documents{std::move(config), std::move(manifest)};
}

Json array_in(Json const& document, std::string_view key) {
    auto const* const found = document.find(key);
    return found && found->find_array() ? *found : Json::array();
}

Json new_config(Json config, ImageToMake const& image, image::Digest const& diff_id) {
    auto const now = format_rfc3339(std::chrono::time_point_cast<Time::duration>(Clock::now()));
    auto const* const rootfs = config.find("rootfs");
    auto diff_ids = rootfs ? array_in(*rootfs, "diff_ids") : Json::array();
    diff_ids.push(diff_id.text());
    auto history = array_in(config, "history");
    history.push(Json::object().set("created", now).set_unless_empty("author", image.author).set_unless_empty("created_by", image.created_by).set_unless_empty("comment", image.comment));
    // What docker says of a container, and of the base's own making, is not this image's.
    config.merge(Json::object().set("container", Json()).set("container_config", Json()).set("docker_version", Json()).set("id", Json()).set("parent", Json()).set("config", Json()).set("author", Json()));
    config.merge(Json::object()
                     .set("created", now)
                     .set_unless_empty("author", image.author)
                     .set("config", to_json(image.config))
                     .set("rootfs", Json::object().set("type", "layers").set("diff_ids", std::move(diff_ids)))
                     .set("history", std::move(history)));
    return config;
}

Json new_manifest(Json manifest, std::string const& config, image::Digest const& diff_id, std::uint64_t size) {
    auto layers = array_in(manifest, "layers");
    layers.push(Json::object().set("mediaType", "application/vnd.oci.image.layer.v1.tar").set("digest", diff_id.text()).set("size", size));
    auto described = Json::object().set("mediaType", spec::media_type::oci_config).set("digest", image::Hasher::of(config).text()).set("size", std::uint64_t{config.size()});
    manifest.merge(Json::object().set("annotations", Json()).set("config", Json()));
    manifest.merge(Json::object().set("config", std::move(described)).set("layers", std::move(layers)));
    return manifest;
}

class OneBlob : public BlobSource {
public:
    OneBlob(FdRef file, std::uint64_t size) : file_(file), size_(size) {}
    // The others are in the store.
    Result<FilePart> open_blob(image::Digest const& digest) const override {
        if (asked_) return Error::of(ENOENT, "layer {} is not in the store; pull the image again", digest);
        asked_ = true;
        auto file = TRY(duplicate(file_));
        return FilePart{std::move(file), 0, size_};
    }

private:
    FdRef file_;
    std::uint64_t size_;
    mutable bool asked_ = false;
};

Result<image::Digest> make(store::Layout const& layout, ImageToMake const& image, PullOptions const& options, Progress& progress) {
    std::optional<store::LayerHold> hold;
    if (image.base) hold = TRY(store::LayerHold::acquire(layout, *image.base));
    auto const status = TRY(stat_fd(image.layer));
    auto const size = static_cast<std::uint64_t>(status.st_size);
    image::RangeSource archive(image.layer, 0, size);
    image::HashingSource hashed(archive, image::Digest::Algorithm::sha256);
    auto const diff_id = TRY(hashed.finish());
    auto base = TRY(documents_of_base(layout, image));
    auto config = new_config(std::move(base.config), image, diff_id).dump();
    auto manifest = new_manifest(std::move(base.manifest), config, diff_id, size).dump();
    auto document = TRY(spec::parse_image_document(config));
    auto const parsed = TRY(spec::parse_manifest_or_index(manifest, spec::media_type::oci_manifest));
    auto layers = TRY(match_layers(std::get<spec::ImageManifest>(parsed), document));
    auto const id = image::Hasher::of(config), digest = image::Hasher::of(manifest);
    ResolvedImage const made{digest, digest, id, std::move(manifest), std::move(config), std::move(document), std::move(layers)};
    OneBlob const blobs(image.layer, size);
    LayerPulls pulls(layout, made, nullptr, &blobs, options, progress);
    auto const pulled = TRY(pulls.run());
    TRY(commit(layout, made, pulled, image.names, {id, digest, digest, "", ""}, options, progress));
    return id;
}

} // namespace

Result<image::Digest> make_image(store::Layout const& layout, ImageToMake image, PullOptions const& options, Progress& progress) {
    for (auto const& error : store::sweep(layout, store::Layers::stay)) progress.warn(fmt::format("clean up the store: {}, ignoring", error.text()));
    return store::explain_full(make(layout, image, options, progress), layout);
}

} // namespace bolt::transfer
