#include "store/image_mounts.h"

#include "base/json.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::store {

HostPath image_mounts_directory(Layout const& layout) { return layout.runtime / "images"; }
HostPath image_mounts_lock(Layout const& layout) { return image_mounts_directory(layout) / "lock"; }
HostPath image_mount_record(Layout const& layout, image::Digest const& image) { return image_mounts_directory(layout) / image.hex(); }

namespace {

Result<std::optional<ImageMount>> read_mount(HostPath const& file, image::Digest const& image) {
    auto const text = TRY(find_file(file));
    if (!text) return std::optional<ImageMount>();
    // Written whole by a rename: one that cannot be read was not written by us, and names nobody.
    auto const document = Json::parse(*text);
    auto const holder = document ? document.value().integer_or("pid", 0) : Result<std::int64_t>(document.error());
    auto const start_time = document ? document.value().unsigned_or("start_time", 0) : Result<std::uint64_t>(document.error());
    if (!holder || !start_time || holder.value() <= 0 || holder.value() > INT32_MAX) return std::optional<ImageMount>();
    auto const pid = static_cast<pid_t>(holder.value());
    if (!TRY(find_process(pid, start_time.value()))) return std::optional<ImageMount>();
    return std::optional(ImageMount{image, pid, start_time.value()});
}

} // namespace

HostPath ImageMount::path() const { return HostPath() / fmt::format("proc/{}/root/image", holder); }

Result<std::optional<ImageMount>> find_image_mount(Layout const& layout, image::Digest const& image) { return read_mount(image_mount_record(layout, image), image); }

Result<std::vector<ImageMount>> list_image_mounts(Layout const& layout) {
    std::vector<ImageMount> mounts;
    auto const names = list_directory(image_mounts_directory(layout));
    if (!names) return names.error().is(ENOENT) ? Result<std::vector<ImageMount>>(std::move(mounts)) : names.error();
    for (auto const& hex : names.value()) {
        auto const image = image::Digest::parse((hex.size() == 64 ? "sha256:" : "sha512:") + hex);
        if (!image) continue; // the lock
        if (auto mount = TRY(find_image_mount(layout, image.value()))) mounts.push_back(std::move(*mount));
    }
    return mounts;
}

Result<void> record_image_mount(Layout const& layout, ImageMount const& mount) {
    auto const document = Json::object().set("pid", mount.holder).set("start_time", mount.start_time);
    return write_file(image_mount_record(layout, mount.image), document.dump(), 0600, Durability::none);
}

Result<void> forget_image_mount(Layout const& layout, image::Digest const& image) {
    auto removed = remove_file(image_mount_record(layout, image));
    return !removed && removed.error().is(ENOENT) ? Result<void>() : std::move(removed);
}

} // namespace bolt::store
