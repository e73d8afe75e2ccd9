#include "transfer/pull.h"

#include "image/platform.h"
#include "store/sweep.h"
#include "transfer/commit.h"
#include "transfer/oci_layout.h"
#include "transfer/pull_layers.h"
#include "transfer/resolve.h"

namespace bolt::transfer {

namespace {

struct Source {
    image::Reference reference;            // the name that the image gets in the store
    std::optional<OciLayout> shipped;      // absent: the registry
};

Result<OciLayout> open_shipped(HostPath const& directory) {
    auto root = TRY(Root::open(directory));
    return OciLayout::open(std::make_shared<DirectoryFiles>(std::move(root))).while_doing("the shipped images in '{}'", directory);
}

// bolt://NAME is a shipped image, else one of the default registry. A short name is a shipped image when there is one and the
// local store has none from the registry.
Result<Source> choose_source(store::Layout const& layout, image::Reference const& reference, PullOptions const& options) {
    auto const namesake = reference.shipped_namesake();
    if (!namesake) return Source{reference, std::nullopt};
    auto const shipped = options.shipped_images ? Result<std::optional<OciLayout>>(TRY(open_shipped(*options.shipped_images))) : std::optional<OciLayout>();
    bool const has_it = shipped.value() && shipped.value()->find(namesake->repository() + ":" + namesake->tag());
    if (reference.is_shipped()) {
        if (has_it) return Source{reference, shipped.value()};
        return Source{TRY(reference.registry_namesake()), std::nullopt};
    }
    if (!has_it) return Source{reference, std::nullopt};
    auto const local = TRY(store::find_image(layout, reference));
    bool const from_registry = local && !local->references.empty() && local->references.front() == reference.text();
    if (from_registry) return Source{reference, std::nullopt};
    return Source{*namesake, shipped.value()};
}

bool is_same(std::optional<store::Image> const& known, ResolvedImage const& resolved, image::Reference const& reference) {
    return known && known->id == resolved.config && known->manifest == resolved.manifest && known->repository_digest == resolved.repository &&
           !known->references.empty() && known->references.front() == reference.text();
}

Result<Pulled> pull_from(store::Layout const& layout, Source const& source, PullOptions const& options, spec::ImagePlatform const& wanted, Progress& progress) {
    std::optional<Registry> registry;
    std::unique_ptr<DocumentSource> documents;
    if (source.shipped) {
        documents = std::make_unique<LayoutDocuments>(*source.shipped, source.reference.repository());
    } else {
        auto settings = options.registry;
        settings.cancelled = options.cancelled;
        settings.say = [&progress](std::string const& text) { progress.note(text); };
        registry.emplace(source.reference, Access::pull, std::move(settings));
        documents = std::make_unique<RegistryDocuments>(*registry);
    }
    auto const& name = source.reference;
    auto const resolved = TRY(resolve(*documents, name.digest() ? name.digest()->text() : name.tag(), name.text(), wanted));
    auto const known = TRY(store::find_image(layout, source.reference));

    LayerPulls pulls(layout, resolved, registry ? &*registry : nullptr, source.shipped ? &*source.shipped : nullptr, options, progress);
    auto const layers = TRY(pulls.run());
    Pulled pulled{source.reference, resolved.config, resolved.manifest, resolved.repository, Pulled::Status::up_to_date};
    if (!pulls.fetched_anything() && is_same(known, resolved, source.reference)) return pulled;
    pulled.status = Pulled::Status::downloaded;
    store::ReferenceRecord record{resolved.config, resolved.manifest, resolved.repository, "", ""};
    if (source.shipped) {
        record.source = (*options.shipped_images / "index.json").text();
        record.source_stamp = store::stamp_of(record.source);
    }
    TRY(commit(layout, resolved, layers, {source.reference}, record, options, progress));
    return pulled;
}

} // namespace

Result<Pulled> pull(store::Layout const& layout, image::Reference const& reference, PullOptions const& options, Progress& progress) {
    TRY(layout.prepare());
    auto const wanted = options.platform.value_or(image::platform_of_host());
    if (options.policy == PullPolicy::missing) {
        auto const local = TRY(store::find_image(layout, reference));
        if (local && image::distance(wanted, local->platform))
            return Pulled{TRY(image::Reference::parse(local->references.front())), local->id, local->manifest, local->repository_digest.value_or(local->manifest), Pulled::Status::up_to_date};
    }
    for (auto const& error : store::sweep(layout)) progress.warn(fmt::format("clean up the store: {}, ignoring", error.text()));
    auto const source = TRY(choose_source(layout, reference, options));
    if (source.shipped)
        progress.note(fmt::format("'{}' is an image that is shipped with bolt", source.reference.text()));
    else if (reference.was_short() || reference.is_shipped())
        progress.note(fmt::format("the name has no registry: taking '{}'", source.reference.text()));
    auto pulled = pull_from(layout, source, options, wanted, progress);
    if (!pulled) return store::explain_full(pulled.error(), layout);
    return pulled;
}

} // namespace bolt::transfer
