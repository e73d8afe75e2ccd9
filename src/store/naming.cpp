// Names of images come and go; the images stay.
#include <algorithm>

#include "store/image_record.h"
#include "store/images.h"
#include "store/intake.h"
#include "sys/file.h"

namespace bolt::store {

namespace {

Result<Image> find_whole_image(Layout const& layout, std::string_view text) {
    auto const found = TRY(find_known_image(layout, text));
    auto all = found ? TRY(list_images(layout)) : ImageList();
    auto const whole = found ? std::ranges::find(all.images, found->id, &Image::id) : all.images.end();
    if (whole == all.images.end()) return Error::of(ENOENT, "there is no image '{}'; `bolt images` lists them", text);
    return std::move(*whole);
}

Result<void> write_reference(Layout const& layout, image::Reference const& name, ReferenceRecord const& record) {
    auto const file = reference_file(layout, name);
    TRY(make_directories(file.parent(), 0700));
    return write_file(file, to_json(record).dump(), 0600, Durability::synced);
}

} // namespace

Result<std::vector<std::optional<Bytes>>> layer_sizes(Layout const& layout, Image const& image) {
    std::vector<std::optional<Bytes>> sizes;
    for (auto key = image.layer_keys.rbegin(); key != image.layer_keys.rend(); ++key) sizes.push_back(TRY(layer_size(layout, *key)));
    return sizes;
}

Result<void> tag_image(Layout const& layout, std::string_view text, image::Reference const& name) {
    if (name.digest() || name.is_shipped()) return Error::of(EINVAL, "'{}' cannot be given to an image: a new name is NAME[:TAG]", name.text());
    TRY(layout.prepare());
    auto const change = TRY(FileLock::acquire(layout.lock(), LockMode::shared, std::chrono::seconds(10)));
    auto const images = TRY(FileLock::acquire(layout.images_lock(), LockMode::exclusive, std::chrono::seconds(10)));
    auto const image = TRY(find_whole_image(layout, text));
    return write_reference(layout, name, {image.id, image.manifest, image.repository_digest.value_or(image.manifest), {}, {}});
}

Result<void> set_reference(Layout const& layout, image::Reference const& name, ReferenceRecord const& record) {
    auto const change = TRY(FileLock::acquire(layout.lock(), LockMode::shared, std::chrono::seconds(10)));
    auto const images = TRY(FileLock::acquire(layout.images_lock(), LockMode::exclusive, std::chrono::seconds(10)));
    return write_reference(layout, name, record);
}

Result<std::vector<std::string>> untag_image(Layout const& layout, std::string_view text, std::vector<image::Reference> const& names) {
    TRY(layout.prepare());
    auto const change = TRY(FileLock::acquire(layout.lock(), LockMode::shared, std::chrono::seconds(10)));
    auto const images = TRY(FileLock::acquire(layout.images_lock(), LockMode::exclusive, std::chrono::seconds(10)));
    auto const image = TRY(find_whole_image(layout, text));
    std::vector<std::string> wanted;
    for (auto const& name : names) {
        if (std::ranges::find(image.references, name.text()) == image.references.end())
            return Error::of(ENOENT, "'{}' is no name of image '{}'; it has {}", name.text(), text, image.references.empty() ? "none" : join(image.references, ", "));
        wanted.push_back(name.text());
    }
    if (names.empty()) wanted = image.references;
    for (auto const& name : wanted)
        if (auto const gone = remove_file(reference_file(layout, TRY(image::Reference::parse(name)))); !gone && !gone.error().is(ENOENT)) return gone.error();
    return wanted;
}

} // namespace bolt::store
