#include "transfer/push_index.h"

#include "image/hasher.h"
#include "image/index.h"
#include "store/intake.h"

namespace bolt::transfer {

namespace {

Result<store::Image> find_image_of(store::Layout const& layout, spec::Descriptor const& entry) {
    auto const digest = TRY(image::Digest::parse(entry.digest));
    auto const text = TRY(store::find_blob(layout, digest));
    auto const platform = entry.platform ? entry.platform->text() : "no platform";
    auto const gone = [&] { return Error::of(ENOENT, "the image {} ({}) is not in the store any more; pull it, or add another in its place", entry.digest, platform); };
    if (!text) return gone();
    auto const parsed = TRY(spec::parse_manifest_or_index(*text, entry.media_type));
    auto const* const manifest = std::get_if<spec::ImageManifest>(&parsed);
    if (!manifest) return Error::of(EINVAL, "{} is an index itself", entry.digest);
    auto image = TRY(store::find_image_by_id(layout, manifest->config.digest));
    if (!image) return gone();
    image->manifest = digest;
    return std::move(*image);
}

} // namespace

Result<Pushed> push_index(store::Layout const& layout, store::NamedIndex const& index, image::Reference const& target, PushOptions const& options, Progress& progress) {
    auto const parsed = TRY(spec::parse_manifest_or_index(index.document, ""));
    auto const* const known = std::get_if<spec::ImageIndex>(&parsed);
    auto const entries = known ? known->manifests : std::vector<spec::Descriptor>();
    if (entries.empty()) return Error::of(EINVAL, "the image index '{}' has no images; `bolt manifest add` adds some", index.name.text());
    // All are looked for before the first is sent.
    std::vector<store::Image> images;
    for (auto const& entry : entries) images.push_back(TRY(find_image_of(layout, entry)));

    auto by_digest = options;
    by_digest.name = PushName::digest;
    std::map<std::string, spec::Descriptor, std::less<>> pushed;
    for (std::size_t i = 0; i < images.size(); ++i) {
        auto const one = TRY(push(layout, images[i], target, by_digest, progress).while_doing("image {}", images[i].platform.text()));
        pushed.insert_or_assign(entries[i].digest, spec::Descriptor{one.media_type, one.manifest.text(), one.size, {}, {}, {}, {}});
    }
    bool const is_docker = options.format == ManifestFormat::docker;
    auto const document = TRY(image::with_other_manifests(index.document, pushed, is_docker ? image::IndexFormat::docker : image::IndexFormat::oci));
    std::string const type(is_docker ? spec::media_type::docker_list : spec::media_type::oci_index);
    auto settings = options.registry;
    settings.say = [&progress](std::string const& text) { progress.note(text); };
    auto registry = TRY(open_target(target, std::move(settings)));
    TRY(registry.put_manifest(target.tag(), type, document));
    return Pushed{target, image::Hasher::of(document), type, document.size(), document != index.document};
}

} // namespace bolt::transfer
