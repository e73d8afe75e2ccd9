// Removal is a mark and a sweep over this one image: what no other image names and no container uses goes to the trash by
// rename, and is deleted there, outside every lock.
#include <algorithm>
#include <set>

#include "base/json.h"
#include "store/image_mounts.h"
#include "store/image_record.h"
#include "store/images.h"
#include "store/indexes.h"
#include "store/intake.h"
#include "sys/file.h"

namespace bolt::store {

namespace {

// Image id -> a container that was made from it, or manifest -> an image index that has it; and what is mounted. A container's record that
// cannot be read counts as using everything.
struct Used {
    std::vector<std::pair<std::string, std::string>> containers, indexes;
    std::vector<ImageMount> mounts;
    std::string unreadable;

    // What keeps the image, and the way out.
    std::optional<std::string> user_of(Image const& image) const {
        for (auto const& [id, container] : containers)
            if (id == image.id.text()) return by_container(container);
        for (auto const& [manifest, index] : indexes)
            if (manifest == image.manifest.text()) return fmt::format("is in the image index '{}'; remove that first (`bolt manifest rm {}`)", index, index);
        for (auto const& mount : mounts)
            if (mount.image == image.id) return fmt::format("is mounted at '{}'; unmount it first (`bolt image unmount {}`)", mount.path(), image.id.brief());
        if (!unreadable.empty()) return by_container(unreadable);
        return std::nullopt;
    }

private:
    static std::string by_container(std::string const& container) { return fmt::format("is used by container {}; remove that first (`bolt rm {}`)", container, container); }
};

Result<Used> images_in_use(Layout const& layout) {
    Used used;
    used.indexes = TRY(manifests_of_indexes(layout));
    used.mounts = TRY(list_image_mounts(layout));
    auto const names = list_directory(layout.containers());
    if (!names) return names.error().is(ENOENT) ? Result<Used>(std::move(used)) : names.error();
    for (auto const& id : names.value()) {
        auto const text = TRY(find_file(layout.containers() / id / "config.json"));
        if (!text || text->empty()) continue; // being made (its layers are held), removed, or lost with the host
        auto const document = Json::parse(record_line(*text));
        auto const image_id = document ? document.value().find_string("image_id") : Result<std::optional<std::string>>(document.error());
        if (image_id && image_id.value())
            used.containers.emplace_back(*image_id.value(), id.substr(0, 12));
        else
            used.unreadable = id.substr(0, 12);
    }
    return used;
}

} // namespace

Result<std::set<std::string>> layers_of_images(Layout const& layout) {
    std::set<std::string> keys;
    for (auto const& name : TRY(list_directory(layout.images()))) {
        if (!name.ends_with(".json")) continue;
        auto const text = TRY(find_file(layout.images() / name));
        if (!text) continue;
        auto const record = TRY(parse_image_record(*text).while_doing("read '{}'", layout.images() / name));
        for (auto const& layer : record.layers) keys.insert(layer.key);
    }
    return keys;
}

namespace {

struct Target {
    Image image;                                // with all its references
    std::vector<std::string> references;        // those to remove
};

// NAME@DIGEST is found by the tags that the image has there, which then go.
std::vector<std::string> names_to_remove(Image const& image, std::string const& wanted) {
    if (std::ranges::find(image.references, wanted) != image.references.end()) return {wanted};
    auto const asked = image::Reference::parse(wanted);
    std::vector<std::string> names;
    for (auto const& name : image.references)
        if (auto const has = image::Reference::parse(name); asked && has && has.value().domain() == asked.value().domain() && has.value().repository() == asked.value().repository())
            names.push_back(name);
    return names;
}

Result<Target> find_target(Layout const& layout, std::string_view text, Removal removal) {
    auto const found = TRY(find_known_image(layout, text));
    if (!found) return Error::of(ENOENT, "there is no image '{}'; `bolt images` lists them", text);
    bool const by_name = !found->references.empty();
    auto all = TRY(list_images(layout));
    auto const whole = std::find_if(all.images.begin(), all.images.end(), [&](Image const& image) { return image.id == found->id; });
    if (whole == all.images.end()) return Error::of(ENOENT, "image '{}' was removed meanwhile", text);
    Target target{std::move(*whole), {}};
    if (by_name && removal != Removal::of_unused)
        target.references = names_to_remove(target.image, found->references.front());
    else if (target.image.references.size() > 1 && removal == Removal::refuse_used)
        return Error::of(EEXIST, "image '{}' has several names ({}); remove them by name, or all with --force", text, join(target.image.references, ", "));
    else
        target.references = target.image.references;
    return target;
}

} // namespace

Result<RemovedImage> remove_image(Layout const& layout, std::string_view text, Removal removal) {
    TRY(layout.prepare());
    auto const change = TRY(FileLock::acquire(layout.lock(), LockMode::shared, std::chrono::seconds(10)));
    auto images = TRY(FileLock::acquire(layout.images_lock(), LockMode::exclusive, std::chrono::seconds(10)));
    auto const target = TRY(find_target(layout, text, removal));
    if (removal == Removal::of_nameless && !target.image.references.empty()) return Error::of(EBUSY, "image '{}' has a name: '{}'", text, target.image.references.front());
    bool const last = target.references.size() >= target.image.references.size();
    auto const user = last ? TRY(images_in_use(layout)).user_of(target.image) : std::nullopt;
    if (user && removal != Removal::force)
        return Error::of(EBUSY, "image '{}' {}, or only the name with --force", text, *user);

    RemovedImage removed;
    for (auto const& name : target.references) {
        auto const reference = TRY(image::Reference::parse(name));
        auto const file = reference_file(layout, reference);
        if (auto const gone = remove_file(file); !gone && !gone.error().is(ENOENT)) return gone.error();
        removed.untagged.push_back(name);
    }
    if (!last || user) return removed;

    auto const file = layout.image_file(target.image.id);
    // The documents last: whoever makes the same image known afterwards looks for them under the same lock.
    for (auto const& each : {file, layout.blob(target.image.id), layout.blob(target.image.manifest)})
        if (auto const gone = remove_file(each); !gone && !gone.error().is(ENOENT)) return gone.error();
    images.release();
    removed.deleted.push_back(target.image.id.text());
    auto const kept = TRY(layers_of_images(layout));
    for (auto const& key : target.image.layer_keys) {
        if (kept.contains(key)) continue;
        auto const freed = TRY(remove_unused_layer(layout, key));
        if (!freed) continue;
        removed.freed.count += freed->count;
        removed.deleted.push_back("sha256:" + key);
    }
    return removed;
}

} // namespace bolt::store
