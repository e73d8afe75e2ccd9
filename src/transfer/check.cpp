#include "transfer/check.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/shortage.h"
#include "image/hasher.h"
#include "store/image_record.h"
#include "sys/file.h"
#include "transfer/image_documents.h"
#include "transfer/layer_check.h"

namespace bolt::transfer {

namespace {

std::string name_of(store::Image const& image) { return image.references.empty() ? image.id.brief() : image.references.front(); }

// What an image file of this name is about.
Result<image::Digest> id_of(std::string_view file) {
    file.remove_suffix(std::string_view(".json").size());
    constexpr std::size_t sha256_digits = 64;
    return image::Digest::parse(fmt::format("{}:{}", file.size() == sha256_digits ? "sha256" : "sha512", file));
}

// A layer that the image has twice is in its record once, in its upper place.
std::vector<StoredLayer> unique_layers(ImageDocuments const& documents) {
    std::vector<StoredLayer> layers;
    for (auto it = documents.layers.rbegin(); it != documents.layers.rend(); ++it)
        if (std::ranges::none_of(layers, [&](StoredLayer const& layer) { return layer.diff_id == it->stored.diff_id; })) layers.push_back(it->stored);
    std::ranges::reverse(layers);
    return layers;
}

// What the image file should say. ENOENT or EBADMSG when a layer's size is not known.
Result<store::ImageRecord> record_of(store::Layout const& layout, image::Digest const& id, image::Digest const& manifest, ImageDocuments const& documents) {
    auto document = TRY(spec::parse_image_document(documents.config));
    store::ImageRecord record{id, manifest, std::move(document.platform), document.created, {}, {}, std::move(document.config)};
    for (auto const& layer : unique_layers(documents)) {
        record.size.count += TRY(store::read_layer(layout, layer.key)).size.count;
        record.layers.push_back({layer.key, layer.diff_id.text()});
    }
    return record;
}

// A manifest of this configuration, sound, among all documents; none when there is none.
Result<std::optional<image::Digest>> find_manifest_of(store::Layout const& layout, image::Digest const& config) {
    for (auto const& algorithm : TRY(list_directory(layout.blobs())))
        for (auto const& prefix : TRY(list_directory(layout.blobs() / algorithm)))
            for (auto const& hex : TRY(list_directory(layout.blobs() / algorithm / prefix))) {
                auto digest = image::Digest::parse(algorithm + ":" + hex);
                auto const text = digest ? read_document(layout, digest.value()) : Result<std::string>(digest.error());
                auto const parsed = text ? spec::parse_manifest_or_index(text.value(), "") : Result<spec::ManifestOrIndex>(text.error());
                auto const* const manifest = parsed ? std::get_if<spec::ImageManifest>(&parsed.value()) : nullptr;
                if (manifest && manifest->config.digest == config.text()) return std::optional(std::move(digest).value());
            }
    return std::optional<image::Digest>();
}

class Check {
public:
    Check(store::Layout const& layout, Repair repair, image::UnmappedIds owners, PullOptions const& options, Progress& progress)
        : layout_(layout), repair_(repair), layer_check_(layout, owners, options, progress) {}

    Result<Checked> run() {
        TRY(check_image_files());
        auto const list = TRY(store::list_images(layout_)); // what its warnings are about is told by the others
        for (auto const& image : list.images) {
            ++checked_.images;
            auto const done = check_image(image);
            if (!done && !is_shortage(done.error())) return done.error();
            if (!done) checked_.errors.push_back(Error::of(done.error().code(), "image '{}' could not be checked: {}", name_of(image), done.error().text()));
        }
        TRY(check_references());
        return std::move(checked_);
    }

private:
    void tell(std::string text, bool is_mended = false) { checked_.damages.push_back({std::move(text), is_mended}); }
    // `repaired`: what became of it; none without Repair::yes.
    void tell_record(std::string const& what, std::optional<Result<void>> const& repaired) {
        if (repaired && repaired->ok()) return tell(what + "; it is written anew", true);
        tell(repaired ? fmt::format("{} ({}); pull the image again", what, repaired->error().text()) : what + ": `bolt store check --repair` may mend it, or pull the image again");
    }

    // ---- image files that cannot be read: all others are compared with their images

    Result<void> check_image_files() {
        for (auto const& name : TRY(list_directory(layout_.images()))) {
            if (!name.ends_with(".json") || name.starts_with('.')) continue;
            auto const text = TRY(find_file(layout_.images() / name));
            auto const id = id_of(name);
            if (!text || !id) continue;
            auto const record = store::parse_image_record(*text);
            if (record && record.value().id == id.value()) continue;
            auto const why = record ? "it is another image's" : record.error().text();
            auto const rebuilt = repair_ == Repair::yes ? std::optional(rebuild_image_file(id.value())) : std::nullopt;
            if (rebuilt && !rebuilt->ok() && is_shortage(rebuilt->error())) return rebuilt->error();
            tell_record(fmt::format("'{}' is damaged ({})", layout_.images() / name, why), rebuilt);
        }
        return {};
    }

    Result<void> rebuild_image_file(image::Digest const& id) const {
        auto const manifest = TRY(find_manifest_of(layout_, id));
        if (!manifest) return Error::of(ENOENT, "no manifest of it is in the store");
        store::Image const shape{id, *manifest, {}, {}, {}, {}, {}, {}, {}, {}, {}};
        auto const documents = TRY(read_documents(layout_, shape, nullptr));
        return store::rewrite_image_record(layout_, TRY(record_of(layout_, id, *manifest, documents)));
    }

    // ---- one image

    Result<void> check_image(store::Image const& image) {
        known_manifests_.insert(image.id.text() + image.manifest.text());
        auto const documents = read_documents(layout_, image, nullptr);
        if (!documents && is_shortage(documents.error())) return documents.error();
        if (!documents) {
            tell(fmt::format("image '{}': {}", name_of(image), documents.error().text()));
            return {};
        }
        auto const layers = unique_layers(documents.value());
        for (auto const& layer : layers) TRY(look_at(layer));
        TRY(settle_damage(image, layers));
        for (auto const& layer : layers) TRY(settle_packed(layer));
        return check_record(image, documents.value());
    }

    // Of one that several images have, once.
    Result<void> look_at(StoredLayer const& layer) {
        if (layers_.contains(layer.key)) return {};
        auto looked = TRY(layer_check_.look(layer));
        ++checked_.layers;
        checked_.packed += looked.sound.size() + looked.damaged.size();
        layers_.emplace(layer.key, std::move(looked));
        return {};
    }

    // From the lowest up: what is above may need attributes of what is below. Up to the first that cannot be mended.
    Result<void> settle_damage(store::Image const& image, std::vector<StoredLayer> const& layers) {
        std::string damage;
        Result<void> mended;
        for (std::size_t at = 0; at < layers.size() && mended; ++at) {
            auto& found = layers_.at(layers[at].key);
            if (found.damage().empty()) continue;
            if (damage.empty()) damage = found.damage();
            mended = repair_ == Repair::yes ? layer_check_.mend(layers[at], found, std::span(layers).first(at))
                                            : Result<void>(Error::of(EBADMSG, "`bolt store check --repair` may mend it, or remove the image and pull it again"));
            if (!mended && (mended.error().is(ECANCELED) || is_shortage(mended.error()))) return mended.error();
            if (mended) settle_mended(found);
        }
        if (damage.empty()) return {};
        tell(mended ? fmt::format("image '{}': files of a layer were damaged ({}); they are unpacked anew, or their record is written anew", name_of(image), damage)
                    : fmt::format("image '{}': files of a layer are damaged ({}): {}", name_of(image), damage, mended.error().text()),
             mended.ok());
        return {};
    }

    void settle_mended(LookedAt& found) {
        bool const is_unpacked_anew = !found.files.empty();
        found.files.clear();
        found.record.clear();
        if (!is_unpacked_anew) return;
        for (auto const& digest : found.damaged) tell(fmt::format("packed layer {} is damaged; it is removed", digest.brief()), true);
        found.damaged.clear();
    }

    Result<void> settle_packed(StoredLayer const& layer) {
        auto& found = layers_.at(layer.key);
        bool const may_go = repair_ == Repair::yes && found.files.empty() && found.has_split;
        for (auto const& digest : found.damaged) {
            auto const gone = may_go ? remove_file(layout_.layer(layer.key) / store::blob_name(digest)) : Result<void>();
            if (!gone && !gone.error().is(ENOENT)) return gone.error();
            tell(fmt::format("packed layer {} is damaged{}", digest.brief(), may_go ? "; it is removed, and made again when it is needed" : ""), may_go);
        }
        found.damaged.clear(); // told
        return {};
    }

    Result<void> check_record(store::Image const& image, ImageDocuments const& documents) {
        auto const text = TRY(find_file(layout_.image_file(image.id)));
        auto const expected = record_of(layout_, image.id, image.manifest, documents);
        if (!expected && is_shortage(expected.error())) return expected.error();
        if (!text || !expected) return {}; // removed meanwhile; a damaged layer, which is told
        auto const found = store::parse_image_record(*text);
        if (found && to_json(found.value()).dump() == to_json(expected.value()).dump()) return {};
        auto const rewritten = repair_ == Repair::yes ? std::optional(store::rewrite_image_record(layout_, expected.value())) : std::nullopt;
        tell_record(fmt::format("image '{}': its record '{}' is not what its configuration says", name_of(image), layout_.image_file(image.id)), rewritten);
        return {};
    }

    // ---- names

    Result<void> check_references() {
        std::vector<std::string> warnings;
        auto const references = TRY(store::list_references(layout_, warnings));
        for (auto const& warning : warnings) tell(warning + "; pull the image again");
        for (auto const& reference : references) {
            auto const damage = TRY(damage_of(reference));
            if (!damage.empty()) tell(fmt::format("name '{}': {}", reference.text, damage));
        }
        return {};
    }

    Result<std::string> damage_of(store::NamedReference const& reference) {
        auto const& image = reference.record.image;
        auto const& manifest = reference.record.manifest;
        // One that was removed meanwhile had lost its name before.
        if (!exists(layout_.image_file(image))) {
            auto const name = image::Reference::parse(reference.text);
            bool const is_named = name && exists(store::reference_file(layout_, name.value()));
            return is_named ? fmt::format("its image {} is not in the store; pull it again", image.brief()) : "";
        }
        if (known_manifests_.contains(image.text() + manifest.text())) return "";
        auto const text = read_document(layout_, manifest);
        if (!text && is_shortage(text.error())) return text.error();
        if (!text) return text.error().text();
        auto const parsed = spec::parse_manifest_or_index(text.value(), "");
        auto const* const found = parsed ? std::get_if<spec::ImageManifest>(&parsed.value()) : nullptr;
        return found && found->config.digest == image.text() ? "" : fmt::format("manifest {} is of another image; pull it again", manifest.brief());
    }

    store::Layout const& layout_;
    Repair repair_;
    LayerCheck layer_check_;
    Checked checked_;
    std::map<std::string, LookedAt> layers_;  // by the layer's key
    std::set<std::string> known_manifests_;   // behind their images: what is wrong with them is told
};

} // namespace

Result<Checked> check_store(store::Layout const& layout, Repair repair, image::UnmappedIds owners, PullOptions const& options, Progress& progress) {
    return store::explain_full(Check(layout, repair, owners, options, progress).run(), layout);
}

} // namespace bolt::transfer
