#include "engine/container_mounts.h"

#include <algorithm>
#include <set>

#include "engine/volumes.h"
#include "sys/file.h"
#include "sys/random.h"

namespace bolt::engine {

namespace {

// The user's mounts, then the image's VOLUMEs where the user has mounted nothing.
Result<std::vector<MountOption>> wanted_mounts(ContainerOptions const& options, spec::ImageConfig const& image) {
    auto wanted = options.mounts;
    std::set<std::string> targets;
    for (auto const& mount : wanted)
        if (!targets.insert(mount.target).second) return Error::of(EINVAL, "two mounts are asked for at '{}'; leave one of them out", mount.target);
    for (auto const& path : image.volumes) {
        auto const target = TRY(RootPath::parse_clamped(path).while_doing("volume '{}' of the image", path));
        if (target.is_top() || !targets.insert(target.absolute_text()).second) continue;
        wanted.push_back({.kind = MountKind::volume, .target = target.absolute_text()});
    }
    return wanted;
}

Result<std::string> bind_source(MountOption const& mount) {
    auto const source = TRY(HostPath::parse(mount.source));
    if (stat_file(source)) return mount.source;
    // Not ENOENT, which is how a missing command is told.
    if (auto const link = read_symlink(source)) return Error::of(EINVAL, "the host path '{}' to be mounted at '{}' is a link to '{}', which does not exist", source, mount.target, link.value());
    if (!mount.makes_source) return Error::of(EINVAL, "the host path '{}' to be mounted at '{}' does not exist; make it, or write -v, which does", source, mount.target);
    TRY(make_directories(source, 0755).while_doing("make the host directory for the mount at '{}'", mount.target));
    return mount.source;
}

Json shown_mount(MountOption const& mount, std::string_view source, std::string_view volume) {
    Json document;
    document.set("Type", mount.kind == MountKind::bind ? "bind" : mount.kind == MountKind::volume ? "volume" : "tmpfs");
    if (!volume.empty()) document.set("Name", volume);
    document.set("Source", source).set("Destination", mount.target);
    if (!volume.empty()) document.set("Driver", "local");
    document.set("Mode", mount.read_only ? "ro" : "").set("RW", !mount.read_only);
    document.set("Propagation", mount.kind == MountKind::bind ? (mount.propagation.empty() ? "rprivate" : mount.propagation) : "");
    return document;
}

Result<std::string> anonymous_name() { return TRY(random_container_id()).text(); }

Result<std::string> volume_source(Installation const& here, MountOption const& mount, ImageTree const& tree, std::optional<ContainerIds> const& ids, UnfinishedContainer& container,
                                  ContainerMounts& mounts) {
    auto target = TRY(RootPath::parse(mount.target));
    VolumeWish wish{.name = mount.source, .kind = mount.source.empty() ? VolumeKind::anonymous : VolumeKind::named, .target = std::move(target),
                    .copies_image_content = mount.copies_image_content, .ids = ids};
    if (mount.source.empty()) wish.name = TRY(anonymous_name());
    auto const volume = TRY(ensure_volume(here, tree, wish));
    if (volume.is_new && wish.kind == VolumeKind::anonymous) container.owns_volume(wish.name);
    mounts.volumes.push_back(wish.name);
    if (wish.kind == VolumeKind::anonymous) mounts.anonymous_volumes.push_back(wish.name);
    return volume.content.text();
}

} // namespace

Result<ContainerMounts> prepare_mounts(Installation const& here, ContainerOptions const& options, spec::ImageConfig const& image, ImageTree const& tree,
                                       std::optional<ContainerIds> const& ids, UnfinishedContainer& container) {
    ContainerMounts mounts;
    mounts.shown = Json::array();
    for (auto const& mount : TRY(wanted_mounts(options, image))) {
        std::string source;
        if (mount.relabels && exists(TRY(HostPath::parse("/sys/fs/selinux/enforce"))))
            return Error::of(EOPNOTSUPP, "the mount at '{}' asks for an SELinux label (z, Z), and this bolt sets none; label it with chcon(1) and leave the letter out", mount.target);
        if (mount.kind == MountKind::bind) source = TRY(bind_source(mount));
        if (mount.kind == MountKind::volume) source = TRY(volume_source(here, mount, tree, ids, container, mounts));
        mounts.shown.push(shown_mount(mount, source, mount.kind == MountKind::volume ? mounts.volumes.back() : ""));
        mounts.planned.push_back(plan_mount(mount, source));
    }
    return mounts;
}

} // namespace bolt::engine
