#include "transfer/image_documents.h"

#include <algorithm>

#include "image/hasher.h"
#include "spec/image_manifest.h"
#include "store/intake.h"

namespace bolt::transfer {

namespace {

// Repositories of the target's registry under which the image, or another with the same layer, is known here.
std::vector<std::string> repositories_with(std::vector<store::Image> const& images, std::string const& key, image::Reference const& target) {
    std::vector<std::string> found;
    for (auto const& image : images) {
        if (std::ranges::find(image.layer_keys, key) == image.layer_keys.end()) continue;
        for (auto const& text : image.references)
            if (auto const name = image::Reference::parse(text); name && name.value().domain() == target.domain() && name.value().repository() != target.repository())
                if (std::ranges::find(found, name.value().repository()) == found.end()) found.push_back(name.value().repository());
    }
    return found;
}

// The layer of a diffID: its key may depend on what is below it.
Result<std::string> key_of(store::Layout const& layout, store::Image const& image, image::Digest const& diff_id, image::Digest const& chain_id) {
    for (auto const& digest : {diff_id, chain_id})
        if (auto key = store::plain_key(digest); std::ranges::find(image.layer_keys, key) != image.layer_keys.end()) return key;
    // One that is there twice has the chain of its upper place.
    for (auto const& key : image.layer_keys)
        if (auto const held = TRY(store::find_layer(layout, key)); held && held->record.diff_id == diff_id) return key;
    // The image file may name others than the documents do, or be lost.
    for (auto const& digest : {diff_id, chain_id})
        if (auto const held = TRY(store::find_layer(layout, store::plain_key(digest))); held && held->record.diff_id == diff_id) return store::plain_key(digest);
    return Error::of(ENOENT, "layer {} of the image is not in the store; pull the image again", diff_id);
}

} // namespace

Result<std::string> read_document(store::Layout const& layout, image::Digest const& digest) {
    auto text = TRY(store::find_blob(layout, digest));
    if (text && image::Hasher::of(*text, digest.algorithm()) == digest) return std::move(*text);
    return Error::of(EBADMSG, "document {} of the image is not in the store as it was; pull the image again", digest);
}

bool has_documents(store::Layout const& layout, store::Image const& image) { return read_document(layout, image.id).ok() && read_document(layout, image.manifest).ok(); }

Result<ImageDocuments> read_documents(store::Layout const& layout, store::Image const& image, image::Reference const* target) {
    ImageDocuments documents;
    documents.manifest = TRY(read_document(layout, image.manifest));
    documents.config = TRY(read_document(layout, image.id));
    auto const parsed = TRY(spec::parse_manifest_or_index(documents.manifest, ""));
    auto const* const manifest = std::get_if<spec::ImageManifest>(&parsed);
    auto const config = TRY(spec::parse_image_document(documents.config));
    if (!manifest || manifest->layers.size() != config.diff_ids.size()) return Error::of(EINVAL, "the image's manifest and configuration do not fit each other; pull the image again");
    auto const all = target ? TRY(store::list_images(layout)) : store::ImageList();
    std::optional<image::Digest> chain;
    for (std::size_t i = 0; i < manifest->layers.size(); ++i) {
        auto const& descriptor = manifest->layers[i];
        auto diff_id = TRY(image::Digest::parse(config.diff_ids[i]));
        chain = chain ? image::Hasher::of(chain->text() + " " + diff_id.text()) : diff_id;
        auto key = TRY(key_of(layout, image, diff_id, *chain));
        auto blob = TRY(image::Digest::parse(descriptor.digest));
        auto const compression = TRY(spec::layer_compression_of(descriptor.media_type));
        auto elsewhere = target ? repositories_with(all.images, key, *target) : std::vector<std::string>();
        documents.layers.push_back({{std::move(key), std::move(diff_id)}, std::move(blob), descriptor.size, compression, std::move(elsewhere)});
    }
    return documents;
}

} // namespace bolt::transfer
