#include "transfer/save.h"

#include <algorithm>
#include <map>
#include <set>

#include "image/file_source.h"
#include "image/hasher.h"
#include "store/intake.h"
#include "store/layer_archives.h"
#include "transfer/image_documents.h"
#include "transfer/layer_archive.h"
#include "transfer/manifest_change.h"

namespace bolt::transfer {

namespace {

std::string blob_path(image::Digest const& digest) { return fmt::format("blobs/{}/{}", digest.text().substr(0, 6), digest.hex()); }

class Saving {
public:
    Saving(store::Layout const& layout, SaveFormat format, SaveTarget& target) : layout_(layout), format_(format), target_(target) {}

    Result<void> run(std::vector<ImageToSave> const& images) {
        TRY(add_text("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
        TRY(target_.add_directory("blobs"));
        TRY(target_.add_directory("blobs/sha256"));
        for (auto const& image : images) TRY(add_image(image).while_doing("save '{}'", image.names.empty() ? image.image.id.text() : image.names.front().text()));
        auto const index = Json::object().set("schemaVersion", 2).set("mediaType", spec::media_type::oci_index).set("manifests", std::move(index_));
        TRY(add_text("index.json", index.dump()));
        if (format_ == SaveFormat::docker_archive) TRY(add_text("manifest.json", docker_.dump()));
        return target_.finish();
    }

private:
    Result<void> add_text(std::string_view name, std::string_view text) {
        image::MemorySource source(text);
        return target_.add_file(name, text.size(), source);
    }

    Result<void> add_document(image::Digest const& digest, std::string_view text) {
        return written_.insert(digest.text()).second ? add_text(blob_path(digest), text) : Result<void>();
    }

    // As it is kept packed; else the plain archive, of which the diffID is the digest.
    Result<LayerInRepository> add_layer(LayerToPush const& layer) {
        if (auto blob = TRY(store::find_layer_blob(layout_, layer.stored.key, layer.blob))) {
            image::FileSource source(std::move(*blob));
            if (written_.insert(layer.blob.text()).second) TRY(target_.add_file(blob_path(layer.blob), layer.size, source));
            return LayerInRepository{layer.blob, layer.size, layer.compression};
        }
        auto const size = TRY(size_of_archive(layer.stored));
        auto const archive = TRY(open_layer_archive(layout_, layer.stored));
        if (written_.insert(layer.stored.diff_id.text()).second) TRY(target_.add_file(blob_path(layer.stored.diff_id), size, *archive));
        return LayerInRepository{layer.stored.diff_id, size, spec::LayerCompression::none};
    }

    Result<std::uint64_t> size_of_archive(StoredLayer const& layer) {
        auto const held = TRY(store::find_layer(layout_, layer.key));
        bool const is_known = held && (held->record.archive.count > 0 || layer.diff_id == image::Hasher::of({}));
        if (is_known) return held->record.archive.count;
        return Error::of(ENOENT, "the archive of layer {} is not in the store; remove the image and pull it again", layer.diff_id);
    }

    Result<void> add_image(ImageToSave const& saved) {
        auto const hold = TRY(store::LayerHold::acquire(layout_, saved.image));
        auto const documents = TRY(read_documents(layout_, saved.image, nullptr));
        ManifestChange change;
        auto paths = Json::array();
        for (auto const& layer : documents.layers) {
            auto added = TRY(add_layer(layer));
            paths.push(blob_path(added.blob));
            change.blobs.insert_or_assign(layer.blob.text(), std::move(added));
        }
        auto const manifest = TRY(change.apply(documents.manifest));
        auto const digest = image::Hasher::of(manifest);
        TRY(add_document(saved.image.id, documents.config));
        TRY(add_document(digest, manifest));
        add_to_index(saved, digest, manifest);
        Json names;
        for (auto const& name : saved.names) names.push(name.text()); // podman takes a short one for its own
        docker_.push(Json::object().set("Config", blob_path(saved.image.id)).set("RepoTags", std::move(names)).set("Layers", std::move(paths)));
        return {};
    }

    void add_to_index(ImageToSave const& saved, image::Digest const& digest, std::string const& manifest) {
        auto const parsed = Json::parse(manifest);
        auto const type = parsed ? parsed.value().string_or("mediaType", spec::media_type::oci_manifest) : Result<std::string>(std::string(spec::media_type::oci_manifest));
        auto descriptor = Json::object().set("mediaType", type ? type.value() : std::string(spec::media_type::oci_manifest)).set("digest", digest.text()).set("size", std::uint64_t{manifest.size()});
        auto const& platform = saved.image.platform;
        descriptor.set("platform", Json::object().set("architecture", platform.architecture).set("os", platform.os).set_unless_empty("variant", platform.variant));
        if (saved.names.empty()) index_.push(descriptor);
        for (auto const& name : saved.names) {
            auto named = descriptor;
            // docker takes the second for a tag, podman for a name.
            auto const usual = format_ == SaveFormat::docker_archive ? name.tag() : name.text();
            index_.push(named.set("annotations", Json::object().set("io.containerd.image.name", name.text()).set("org.opencontainers.image.ref.name", usual)));
        }
    }

    store::Layout const& layout_;
    SaveFormat format_;
    SaveTarget& target_;
    std::set<std::string> written_;
    Json index_ = Json::array(), docker_ = Json::array();
};

} // namespace

Result<void> save(store::Layout const& layout, std::vector<ImageToSave> const& images, SaveFormat format, SaveTarget& target) { return Saving(layout, format, target).run(images); }

} // namespace bolt::transfer
