#include "store/images.h"

#include <algorithm>
#include <map>

#include <dirent.h>
#include <sys/stat.h>

#include "base/shortage.h"
#include "store/image_record.h"
#include "sys/file.h"

namespace bolt::store {

namespace {

Image image_of(Layout const& layout, ImageRecord record) {
    Image image{std::move(record.id), std::move(record.manifest), {}, {}, {}, {}, std::move(record.config), std::move(record.platform),
                record.created.value_or(Time{}), record.size};
    for (auto it = record.layers.rbegin(); it != record.layers.rend(); ++it) {
        image.layers.push_back(layout.layer(it->key) / "fs");
        image.layer_keys.push_back(std::move(it->key));
    }
    return image;
}

Result<std::optional<Image>> read_image(Layout const& layout, HostPath const& file) {
    auto const text = TRY(find_file(file));
    if (!text) return std::optional<Image>();
    auto record = TRY(parse_image_record(*text).while_doing("read '{}' (pull the image again to mend it)", file));
    return std::optional(image_of(layout, std::move(record)));
}

// The record of a name with exactly this registry and repository.
Result<std::optional<ReferenceRecord>> find_record(Layout const& layout, image::Reference const& reference) {
    auto const file = reference_file(layout, reference);
    if (auto const text = TRY(find_file(file))) {
        auto record = TRY(parse_reference_record(*text).while_doing("read '{}' (pull the image again to mend it)", file));
        bool const outdated = !record.source.empty() && exists(TRY(HostPath::parse(record.source))) && stamp_of(record.source) != record.source_stamp;
        if (outdated) return std::optional<ReferenceRecord>();
        return std::optional(std::move(record));
    }
    if (!reference.digest()) return std::optional<ReferenceRecord>();
    // Pulled by tag, asked for by digest.
    auto const directory = repository_directory(layout, reference);
    auto const names = list_directory(directory);
    if (!names) return names.error().is(ENOENT) ? Result<std::optional<ReferenceRecord>>(std::nullopt) : names.error();
    for (auto const& name : names.value()) {
        if (!name.starts_with(':')) continue;
        auto const text = TRY(find_file(directory / name));
        if (!text) continue;
        auto record = parse_reference_record(*text);
        if (record && (record.value().repository == *reference.digest() || record.value().manifest == *reference.digest()))
            return std::optional(std::move(record).value());
    }
    return std::optional<ReferenceRecord>();
}

Result<std::optional<Image>> find_exactly(Layout const& layout, image::Reference const& reference) {
    auto const record = TRY(find_record(layout, reference));
    if (!record) return std::optional<Image>();
    auto image = TRY(read_image(layout, layout.image_file(record->image)));
    if (image) {
        image->manifest = record->manifest;
        image->repository_digest = record->repository;
        image->chosen_for = record->platform;
        image->references.push_back(reference.text());
    }
    return image;
}

} // namespace

Result<std::optional<Image>> find_image(Layout const& layout, image::Reference const& reference) {
    if (auto image = TRY(find_exactly(layout, reference))) return image;
    if (reference.is_shipped()) return find_exactly(layout, TRY(reference.registry_namesake()));
    if (auto const shipped = reference.shipped_namesake()) return find_exactly(layout, *shipped);
    return std::optional<Image>();
}

namespace {

// Every reference file below refs/, depth first. `path` are the components so far: the host, then the repository's.
Result<void> walk_references(HostPath const& directory, std::string const& path, std::vector<NamedReference>& found, std::vector<std::string>& warnings) {
    auto const names = list_directory(directory);
    if (!names) return is_shortage(names.error()) ? Result<void>(names.error()) : Result<void>(); // it vanished
    for (auto const& name : names.value()) {
        if (name.starts_with('.')) continue; // being written
        if (!is_reference_file(name)) {
            TRY(walk_references(directory / name, path.empty() ? name : path + "/" + name, found, warnings));
            continue;
        }
        auto const text = find_file(directory / name);
        if (text && !text.value()) continue;
        if (!text && is_shortage(text.error())) return text.error();
        auto record = text ? parse_reference_record(*text.value()) : Result<ReferenceRecord>(text.error());
        if (!record) {
            warnings.push_back(fmt::format("'{}' is damaged ({}), ignoring", directory / name, record.error().text()));
            continue;
        }
        auto const slash = path.find('/');
        bool const shipped = path.substr(0, slash) == "bolt";
        found.push_back({(shipped ? "bolt://" + path.substr(slash + 1) : path) + name, std::move(record).value()});
    }
    return {};
}

} // namespace

Result<std::vector<NamedReference>> list_references(Layout const& layout, std::vector<std::string>& warnings) {
    std::vector<NamedReference> references;
    TRY(walk_references(layout.refs(), "", references, warnings));
    return references;
}

Result<ImageList> list_images(Layout const& layout) {
    ImageList list;
    auto const files = list_directory(layout.images());
    if (!files) return files.error().is(ENOENT) ? Result<ImageList>(std::move(list)) : files.error();
    std::map<std::string, std::size_t, std::less<>> by_id;
    for (auto const& name : files.value()) {
        if (!name.ends_with(".json") || name.starts_with('.')) continue;
        auto image = read_image(layout, layout.images() / name);
        if (!image && is_shortage(image.error())) return image.error();
        if (!image) {
            list.warnings.push_back(image.error().text() + ", ignoring");
        } else if (image.value()) {
            by_id.emplace(image.value()->id.text(), list.images.size());
            list.images.push_back(std::move(*image.value()));
        }
    }
    for (auto const& reference : TRY(list_references(layout, list.warnings))) {
        auto const at = by_id.find(reference.record.image.text());
        if (at == by_id.end()) continue; // its image is being replaced
        list.images[at->second].references.push_back(reference.text);
        list.images[at->second].repository_digest = reference.record.repository;
    }
    for (auto& image : list.images) std::sort(image.references.begin(), image.references.end());
    std::stable_sort(list.images.begin(), list.images.end(), [](Image const& a, Image const& b) { return a.created > b.created; });
    return list;
}

Result<std::optional<Image>> find_image_by_id(Layout const& layout, std::string_view id_prefix) {
    auto prefix = id_prefix;
    if (prefix.starts_with("sha256:") || prefix.starts_with("sha512:")) prefix.remove_prefix(7);
    if (prefix.empty() || prefix.size() > 128 || prefix.find_first_not_of("0123456789abcdef") != prefix.npos) return std::optional<Image>();
    auto const files = list_directory(layout.images());
    if (!files) return files.error().is(ENOENT) ? Result<std::optional<Image>>(std::nullopt) : files.error();
    std::string match;
    for (auto const& name : files.value()) {
        if (!name.starts_with(prefix) || !name.ends_with(".json")) continue;
        if (!match.empty()) return Error::of(EEXIST, "several images have an id that begins with '{}'; write more of it", id_prefix);
        match = name;
    }
    if (match.empty()) return std::optional<Image>();
    return read_image(layout, layout.images() / match);
}

Result<std::optional<Image>> find_image_by_text(Layout const& layout, std::string_view text) {
    auto const reference = image::Reference::parse(text);
    if (reference)
        if (auto image = TRY(find_image(layout, reference.value()))) return image;
    return find_image_by_id(layout, text);
}

Result<std::optional<Image>> find_known_image(Layout const& layout, std::string_view text) {
    auto image = TRY(find_image_by_text(layout, text));
    auto const reference = image::Reference::parse(text);
    if (image || !reference || !reference.value().was_short() || reference.value().digest()) return image;
    auto const repository = std::string(text.substr(0, text.find(':')));
    auto const hosts = list_directory(layout.refs());
    std::vector<std::string> names;
    for (auto const& host : hosts ? hosts.value() : std::vector<std::string>()) {
        auto const name = image::Reference::from_parts(host, repository, reference.value().tag());
        auto found = name ? TRY(find_exactly(layout, name.value())) : std::nullopt;
        if (!found) continue;
        names.push_back(name.value().text());
        image = std::move(found);
    }
    if (names.size() > 1) return Error::of(EEXIST, "'{}' may be {}; write the name out", text, join(names, " or "));
    return image;
}

Result<LayerHold> LayerHold::acquire(Layout const& layout, Image const& image) {
    LayerHold hold;
    for (auto const& key : image.layer_keys) {
        auto lock = FileLock::acquire(layout.layer_lock(key), LockMode::shared, std::chrono::seconds(5));
        if (!lock) {
            if (!lock.error().is(ENOENT)) return lock.error();
            return Error::of(ENOENT, "layer '{}' of image '{}' is gone from the store; pull the image again", key.substr(0, 12), image.id.brief());
        }
        hold.locks_.push_back(std::move(lock).value());
    }
    return hold;
}

} // namespace bolt::store
