#include "transfer/push.h"

#include <algorithm>

#include <fcntl.h>

#include "image/hasher.h"
#include "store/image_record.h"
#include "store/intake.h"
#include "sys/file.h"
#include "transfer/blob_upload.h"
#include "transfer/image_documents.h"
#include "transfer/manifest_change.h"
#include "transfer/push_layers.h"
#include "transfer/registries.h"

namespace bolt::transfer {

namespace {

// A layer that is there twice travels once.
std::vector<LayerToPush> without_repetition(std::vector<LayerToPush> const& layers) {
    std::vector<LayerToPush> unique;
    for (auto const& layer : layers)
        if (std::ranges::none_of(unique, [&](auto const& other) { return other.blob == layer.blob; })) unique.push_back(layer);
    return unique;
}

Result<void> push_config(Registry& registry, store::Layout const& layout, image::Digest const& id, std::uint64_t size) {
    if (TRY(has_blob(registry, id))) return {};
    auto const file = TRY(open_file(layout.blob(id), O_RDONLY));
    return upload_blob(registry, {id, size, file, {}});
}

Result<std::string> media_type_of(std::string const& manifest) { return TRY(Json::parse(manifest)).string_or("mediaType", spec::media_type::oci_manifest); }

// What the name stands for in the registry now, when it is a name of the image here as well.
Result<void> remember(store::Layout const& layout, store::Image const& image, Pushed const& pushed, std::string const& manifest) {
    auto const named = TRY(store::find_image(layout, pushed.reference));
    if (!named || named->id != image.id || named->references.front() != pushed.reference.text()) return {};
    TRY(store::write_blob(layout, pushed.manifest, manifest, Durability::synced)); // before a name for it is on the disk
    return store::set_reference(layout, pushed.reference, {image.id, pushed.manifest, pushed.manifest, {}, {}});
}

} // namespace

Result<Registry> open_target(image::Reference const& target, RegistryOptions settings) {
    auto const place = TRY(TRY(Registries::load(target)).places_of(target, Registries::Use::push)).front();
    if (place.is_insecure) settings.verify = TlsVerify::no;
    Registry registry(place.reference, Access::push, std::move(settings));
    TRY(registry.greet());
    return registry;
}

Result<Pushed> push(store::Layout const& layout, store::Image const& image, image::Reference const& target, PushOptions const& options, Progress& progress) {
    if (target.digest() || target.is_shipped()) return Error::of(EINVAL, "'{}' is no place for an image; name HOST/REPOSITORY[:TAG]", target.text());
    if (options.format == ManifestFormat::docker && options.compression == spec::LayerCompression::zstd) return Error::of(EINVAL, "Docker's format has no layers in zstd; use --format oci");
    auto const hold = TRY(store::LayerHold::acquire(layout, image));
    auto const documents = TRY(read_documents(layout, image, &target));

    auto settings = options.registry;
    settings.say = [&progress](std::string const& text) { progress.note(text); };
    for (auto const& layer : documents.layers)
        for (auto const& repository : layer.elsewhere)
            if (std::ranges::find(settings.also_read, repository) == settings.also_read.end()) settings.also_read.push_back(repository);
    auto registry = TRY(open_target(target, std::move(settings)));

    auto layers = without_repetition(documents.layers);
    LayerPushes pushes(layout, registry, layers, {options.compression, options.level, options.registry.cancelled}, options.repacks, progress);
    auto const there = TRY(pushes.run());
    TRY(push_config(registry, layout, image.id, documents.config.size()).while_doing("upload the configuration"));

    ManifestChange change{options.format, {}};
    for (std::size_t i = 0; i < layers.size(); ++i) change.blobs.emplace(layers[i].blob.text(), there[i]);
    auto const manifest = TRY(change.apply(documents.manifest));
    auto type = TRY(media_type_of(manifest));
    Pushed pushed{target, image::Hasher::of(manifest), std::move(type), manifest.size(), manifest != documents.manifest};
    bool const for_index = options.name == PushName::digest;
    TRY(registry.put_manifest(for_index ? pushed.manifest.text() : target.tag(), pushed.media_type, manifest));
    if (!for_index) TRY(remember(layout, image, pushed, manifest));
    return pushed;
}

} // namespace bolt::transfer
