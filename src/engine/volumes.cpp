#include "engine/volumes.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/time.h"
#include "engine/as_namespace_root.h"
#include "engine/staged_directory.h"
#include "engine/tree_copy.h"
#include "sys/file.h"
#include "sys/random.h"

namespace bolt::engine {

namespace {

// Mode 0755 of the namespace's root, which is what a fresh directory of ours is: then nobody else's help is needed.
bool is_plain_and_empty(ImageNode const& directory) {
    auto const names = ImageTree::list(directory);
    return names && names.value().empty() && directory.status.st_uid == geteuid() && directory.status.st_gid == getegid() && (directory.status.st_mode & 07777) == 0755;
}

Result<void> fill(Installation const& here, ImageTree const& image, VolumeWish const& wish, HostPath const& content) {
    auto const source = TRY(image.find(wish.target));
    bool const has_source = source && source->is_directory();
    if (!has_source && wish.ids)
        return do_as_namespace_root(here, "give a volume to the container's root", [&]() -> Result<void> {
            if (chown(content.c_str(), wish.ids->root_user(), wish.ids->root_group()) < 0) return Error::from_errno("give '{}' to the container's root", content);
            return {};
        });
    if (!has_source || is_plain_and_empty(*source)) return {};
    return do_as_namespace_root(here, "copy the image's files into a volume", [&]() -> Result<void> {
        auto const target = TRY(open_file(content, O_RDONLY | O_DIRECTORY));
        return wish.copies_image_content ? copy_tree(*source, target) : copy_attributes(*source, target);
    });
}

Result<void> stage(Installation const& here, ImageTree const& image, VolumeWish const& wish, HostPath const& staging) {
    TRY(make_directory(staging / "data", 0755));
    if (chmod((staging / "data").c_str(), 0755) < 0) return Error::from_errno("set the mode of '{}'", staging / "data");
    TRY(fill(here, image, wish, staging / "data"));
    Json meta;
    meta.set("name", wish.name).set("created", format_rfc3339(Clock::now())).set("anonymous", wish.kind == VolumeKind::anonymous);
    return write_file(staging / "meta.json", meta.dump(), 0600, Durability::none);
}

} // namespace

Result<Volume> ensure_volume(Installation const& here, ImageTree const& image, VolumeWish const& wish) {
    auto const place = here.layout.volumes() / wish.name;
    if (wish.kind == VolumeKind::named && exists(place)) return Volume{place / "data", false};
    auto const made = TRY(make_staged_directory(here, place, wish.kind == VolumeKind::named ? Keep::safely : Keep::loosely, [&](HostPath const& staging) { return stage(here, image, wish, staging); })
                              .while_doing("make volume '{}'", wish.name));
    return Volume{place / "data", made == MadeBy::us};
}

Result<void> remove_volume(Installation const& here, std::string_view name) {
    auto const trash = here.layout.trash() / TRY(random_name());
    auto const moved = rename_file(here.layout.volumes() / name, trash);
    if (!moved) return moved.error().is(ENOENT) ? Result<void>() : moved.error();
    return remove_tree_of_container(here, trash).while_doing("remove volume '{}'", name);
}

} // namespace bolt::engine
