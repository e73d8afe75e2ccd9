#include "transfer/pull.h"

#include <algorithm>
#include <array>

#include "base/shortage.h"
#include "image/platform.h"
#include "store/sweep.h"
#include "sys/file.h"
#include "transfer/commit.h"
#include "transfer/image_documents.h"
#include "transfer/oci_layout.h"
#include "transfer/policy.h"
#include "transfer/pull_layers.h"
#include "transfer/registries.h"
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

// What is kept of it may be damaged: then it is as if it were not here, and the pull writes it anew.
Result<std::optional<store::Image>> find_sound(store::Layout const& layout, image::Reference const& name) {
    auto found = store::find_image(layout, name);
    return found || is_shortage(found.error()) ? std::move(found) : std::optional<store::Image>();
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
    auto const local = TRY(find_sound(layout, reference));
    bool const from_registry = local && !local->references.empty() && local->references.front() == reference.text();
    if (from_registry) return Source{reference, std::nullopt};
    return Source{*namesake, shipped.value()};
}

bool is_same(std::optional<store::Image> const& known, ResolvedImage const& resolved, image::Reference const& reference) {
    return known && known->id == resolved.config && known->manifest == resolved.manifest && known->repository_digest == resolved.repository &&
           !known->references.empty() && known->references.front() == reference.text();
}

std::string asked_text(spec::ImagePlatform const& wanted) { return image::normalised(wanted).text(); }

// What answered for a name: documents, and for a registry's image the registry.
struct Answer {
    std::unique_ptr<Registry> registry;
    ResolvedImage image;
};

std::string tag_or_digest(image::Reference const& name) { return name.digest() ? name.digest()->text() : name.tag(); }

Result<ResolvedImage> resolve_shipped(Source const& source, spec::ImagePlatform const& wanted) {
    auto const& name = source.reference;
    LayoutDocuments documents(*source.shipped, name.repository());
    return resolve(documents, tag_or_digest(name), name.text(), wanted);
}

// How a name without a registry, and one with, comes to an image: what is the same for all that are tried.
struct Asking {
    Registries const& registries;
    Policy const& policy;
    PullOptions const& options;
    spec::ImagePlatform const& wanted;
    Progress& progress;
};

RegistryOptions settings_for(Registries::Place const& place, PullOptions const& options, Progress& progress) {
    auto settings = options.registry;
    settings.cancelled = options.cancelled;
    settings.say = [&progress](std::string const& text) { progress.note(text); };
    return place.adapt(std::move(settings));
}

Result<Answer> ask(Registries::Place const& place, image::Reference const& meant, Asking const& asking) {
    auto const& [registries, policy, options, wanted, progress] = asking;
    auto settings = settings_for(place, options, progress);
    auto registry = std::make_unique<Registry>(place.reference, Access::pull, std::move(settings));
    RegistryDocuments documents(*registry);
    auto const& name = place.reference;
    auto resolved = TRY(resolve(documents, tag_or_digest(name), name.text(), wanted));
    // Whoever has signed the index has signed every manifest that it names.
    image::Digest const digests[] = {resolved.repository, resolved.manifest};
    TRY(policy.admit(*registry, meant, std::span(digests).first(resolved.repository == resolved.manifest ? 1 : 2)));
    return Answer{std::move(registry), std::move(resolved)};
}

// The first of the places that has it.
Result<Answer> ask_all(image::Reference const& name, Asking const& asking) {
    TRY(asking.policy.consider(name));
    auto const places = TRY(asking.registries.places_of(name, Registries::Use::pull));
    ErrorList errors;
    for (std::size_t at = 0;; ++at) {
        auto answer = ask(places[at], name, asking);
        if (answer || answer.error().is(ECANCELED)) return answer;
        errors.push_back(answer.error());
        if (at + 1 == places.size()) return Error::of(errors.front().code(), "{}", join_texts(errors));
        asking.progress.note(fmt::format("{}; going on with '{}'", answer.error().text(), places[at + 1].reference.text()));
    }
}

Result<Pulled> take(store::Layout const& layout, Source const& source, Answer const& answer, PullOptions const& options, Progress& progress) {
    auto const& resolved = answer.image;
    auto const known = TRY(find_sound(layout, source.reference));
    LayerPulls pulls(layout, resolved, answer.registry.get(), source.shipped ? &*source.shipped : nullptr, options, progress);
    auto const layers = TRY(pulls.run());
    Pulled pulled{source.reference, resolved.config, resolved.manifest, resolved.repository, Pulled::Status::up_to_date};
    store::ReferenceRecord record{resolved.config, resolved.manifest, resolved.repository, "", "", asked_text(options.platform.value_or(image::platform_of_host()))};
    if (!pulls.fetched_anything() && is_same(known, resolved, source.reference) && has_documents(layout, *known)) {
        if (!source.shipped && known->chosen_for != record.platform) TRY(store::set_reference(layout, source.reference, record));
        return pulled;
    }
    pulled.status = Pulled::Status::downloaded;
    if (source.shipped) {
        record.source = (*options.shipped_images / "index.json").text();
        record.source_stamp = store::stamp_of(record.source);
    }
    TRY(commit(layout, resolved, layers, {source.reference}, record, options, progress));
    return pulled;
}

Result<Pulled> take_shipped(store::Layout const& layout, Source const& source, PullOptions const& options, spec::ImagePlatform const& wanted, Progress& progress) {
    progress.note(fmt::format("'{}' is an image that is shipped with bolt", source.reference.text()));
    auto resolved = TRY(resolve_shipped(source, wanted));
    return take(layout, source, Answer{nullptr, std::move(resolved)}, options, progress);
}

void note_meaning(image::Reference const& asked, image::Reference const& name, Progress& progress) {
    if (asked.was_short() || asked.is_shipped()) progress.note(fmt::format("the name has no registry: taking '{}'", name.text()));
}

// A name without a registry may mean several images: the first that is there.
Result<Pulled> pull_any(store::Layout const& layout, image::Reference const& asked, std::vector<image::Reference> const& names, Asking const& asking) {
    ErrorList errors;
    for (auto const& name : names) {
        note_meaning(asked, name, asking.progress);
        auto answer = ask_all(name, asking);
        if (answer) return take(layout, {name, std::nullopt}, answer.value(), asking.options, asking.progress);
        if (answer.error().is(ECANCELED)) return answer.error();
        errors.push_back(std::move(answer).error());
    }
    return Error::of(errors.front().code(), "{}", join_texts(errors));
}

// Whether a pull for this platform would choose just this image, and find all of it here.
bool is_all_there(store::Layout const& layout, store::Image const& local, image::Reference const& name, spec::ImagePlatform const& wanted) {
    if (local.references.empty() || local.references.front() != name.text() || !local.repository_digest) return false;
    // Which of an index's images is chosen, its descriptors say, and they may be more exact than the configuration.
    bool const is_from_index = *local.repository_digest != local.manifest;
    if (is_from_index ? local.chosen_for != asked_text(wanted) : !image::distance(wanted, local.platform)) return false;
    if (!has_documents(layout, local)) return false;
    return std::ranges::all_of(local.layer_keys, [&](auto const& key) {
        auto const whole = store::is_whole_layer(layout, key);
        return whole && whole.value();
    });
}

// A pull that was killed leaves its unfinished work, which the next one sweeps away.
bool has_remains(store::Layout const& layout) {
    return std::ranges::any_of(std::array{layout.tmp(), layout.ingest(), layout.trash()}, [](HostPath const& directory) {
        auto const names = list_directory(directory);
        return !names || !names.value().empty();
    });
}

Result<std::optional<Pulled>> compare_with_registry(store::Layout const& layout, image::Reference const& reference, PullOptions const& options, Progress& progress) {
    TRY(layout.require_known_version());
    if (has_remains(layout)) return std::optional<Pulled>();
    auto const source = TRY(choose_source(layout, reference, options));
    if (source.shipped) return std::optional<Pulled>();
    auto const registries = TRY(Registries::load(source.reference));
    auto const name = TRY(registries.meanings_of(source.reference)).front();
    auto const local = TRY(store::find_image(layout, name));
    if (!local || !is_all_there(layout, *local, name, options.platform.value_or(image::platform_of_host()))) return std::optional<Pulled>();
    auto const policy = TRY(Policy::load(options.policy_file));
    auto const accepts = [](PolicyRequirement const& requirement) { return requirement.kind == PolicyRequirement::Kind::accept; };
    if (!std::ranges::all_of(*policy.find(name).requirements, accepts)) return std::optional<Pulled>(); // a signature may have gone
    auto const place = TRY(registries.places_of(name, Registries::Use::pull)).front();
    Registry registry(place.reference, Access::pull, settings_for(place, options, progress));
    if (TRY(registry.manifest_digest(tag_or_digest(place.reference))) != local->repository_digest) return std::optional<Pulled>();
    note_meaning(reference, name, progress);
    return std::optional(Pulled{name, local->id, local->manifest, *local->repository_digest, Pulled::Status::up_to_date});
}

std::optional<store::Image> find_local(store::Layout const& layout, std::vector<image::Reference> const& names, spec::ImagePlatform const& wanted) {
    for (auto const& name : names)
        if (auto local = store::find_image(layout, name); local && local.value() && image::distance(wanted, local.value()->platform)) return std::move(*local.value());
    return std::nullopt;
}

Result<Pulled> as_pulled(store::Image const& local) {
    return Pulled{TRY(image::Reference::parse(local.references.front())), local.id, local.manifest, local.repository_digest.value_or(local.manifest), Pulled::Status::up_to_date};
}

} // namespace

Result<std::optional<Pulled>> find_unchanged(store::Layout const& layout, image::Reference const& reference, PullOptions const& options, Progress& progress) {
    if (options.policy != PullPolicy::always && options.policy != PullPolicy::newer) return std::optional<Pulled>();
    auto found = compare_with_registry(layout, reference, options, progress);
    if (options.cancelled && options.cancelled()) return Error::of(ECANCELED, "interrupted");
    return found ? std::move(found) : std::optional<Pulled>(); // what is wrong, pull() meets again
}

Result<Pulled> pull(store::Layout const& layout, image::Reference const& reference, PullOptions const& options, Progress& progress) {
    TRY(layout.prepare());
    auto const wanted = options.platform.value_or(image::platform_of_host());
    auto const source = TRY(choose_source(layout, reference, options));
    auto const registries = source.shipped ? Registries() : TRY(Registries::load(source.reference));
    auto const names = source.shipped ? std::vector{reference} : TRY(registries.meanings_of(source.reference));
    auto const local = options.policy == PullPolicy::always ? std::nullopt : find_local(layout, names, wanted);
    if (local && options.policy != PullPolicy::newer) return as_pulled(*local);
    if (options.policy == PullPolicy::never) return Error::of(ENOENT, "image '{}' is not in the local store, and the pull policy 'never' forbids to get it; pull it (bolt pull {})", reference.text(), reference.text());
    for (auto const& error : store::sweep(layout, store::Layers::stay)) progress.warn(fmt::format("clean up the store: {}, ignoring", error.text()));
    auto const take_asked = [&]() -> Result<Pulled> {
        if (source.shipped) return take_shipped(layout, source, options, wanted, progress);
        auto const policy = TRY(Policy::load(options.policy_file));
        return pull_any(layout, reference, names, {registries, policy, options, wanted, progress});
    };
    auto pulled = take_asked();
    if (pulled || !local || pulled.error().is(ECANCELED)) return store::explain_full(std::move(pulled), layout);
    progress.warn(fmt::format("{}; the image that is here serves", pulled.error().text()));
    return as_pulled(*local);
}

} // namespace bolt::transfer
