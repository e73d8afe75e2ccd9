#include "oci/sources.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "sys/file.h"

namespace bolt::oci {

namespace {
int look_up_flags(BindMount const& step) { return step.source_link == SourceLink::followed ? O_PATH : O_PATH | O_NOFOLLOW; }
} // namespace

void Sources::open(HostPath const& path, int flags) {
    // What is missing now may be made by a hook; what cannot be opened is told when it is needed.
    if (auto file = open_file(path, flags)) opened_.push_back({path.text(), flags, std::move(file).value()});
}

UniqueFd const* Sources::find(std::string const& path, int flags) const {
    auto const found = std::ranges::find_if(opened_, [&](Opened const& opened) { return opened.path == path && opened.flags == flags; });
    return found == opened_.end() ? nullptr : &found->file;
}

Sources Sources::open_all(CreateRequest const& request, std::vector<MountStep> const& mounts) {
    Sources sources;
    if (request.overlay) {
        for (auto const& lower : request.overlay->lowers) sources.open(lower);
        sources.open(request.overlay->upper);
        sources.open(request.overlay->work);
    } else if (auto const root = root_directory(request)) {
        sources.open(root.value());
    }
    for (auto const& step : mounts)
        if (auto const* const bind = std::get_if<BindMount>(&step))
            if (auto const path = HostPath::parse(bind->source)) sources.open(path.value(), look_up_flags(*bind));
    return sources;
}

HostPath Sources::reachable(HostPath const& path) const {
    auto const* const file = find(path.text(), O_PATH);
    return file ? HostPath() / "proc/self/fd" / fmt::format("{}", file->number()) : path;
}

Result<UniqueFd> Sources::open_source(BindMount const& step) const {
    auto const* const file = find(step.source, look_up_flags(step));
    return file ? duplicate(*file) : open_file(TRY(HostPath::parse(step.source)), look_up_flags(step));
}

Result<std::vector<MappedMount>> make_mapped_mounts(std::vector<MountStep> const& mounts) {
    std::vector<MappedMount> made;
    for (auto const& step : mounts) {
        auto const* const bind = std::get_if<BindMount>(&step);
        if (!bind || !bind->ids) continue;
        auto const making = [&]() -> Result<Mount> {
            if (!can_mount_detached()) return Error::of(ENOSYS, "a mount that maps ids needs mount_setattr(2), Linux 5.12");
            auto const& ids = *bind->ids;
            if (geteuid() != 0) return Error::of(EPERM, "mapping a mount's ids needs CAP_SYS_ADMIN over its file system, which an ordinary user has not; leave the mappings out");
            auto const name_space = ids.user_namespace.empty() ? TRY(make_user_namespace(ids.mappings).while_doing("uidMappings and gidMappings, or idmap")) : TRY(open_file(TRY(HostPath::parse(ids.user_namespace)), O_RDONLY));
            auto const source = TRY(open_file(TRY(HostPath::parse(bind->source)), look_up_flags(*bind)));
            auto mount = TRY(Mount::copy(source, bind->depth));
            TRY(mount.map_ids(name_space, ids.depth));
            return mount;
        };
        auto mount = TRY(making().while_doing("mount '{}'", bind->target));
        made.push_back({bind, std::move(mount)});
    }
    return made;
}

Result<void> Sources::copy_shared(spec::Linux const& section, std::vector<MountStep> const& mounts) {
    if (section.rootfs_propagation != "shared" && section.rootfs_propagation != "rshared") return {};
    for (auto const& each : mounts) {
        auto const* const step = std::get_if<BindMount>(&each);
        if (!step || step->ids || (step->attributes.propagation != MS_SHARED && step->recursive.propagation != MS_SHARED)) continue;
        if (!can_mount_detached()) return Error::of(ENOSYS, "bind '{}': a mount that spreads to the host needs mount_setattr(2), Linux 5.12", step->source);
        auto const source = TRY(open_source(*step));
        auto copied = TRY(Mount::copy(source, step->depth).while_doing("bind '{}'", step->source));
        shared_.push_back({step, std::move(copied)});
    }
    return {};
}

MappedMount const* Sources::find_made(BindMount const& step) const {
    for (auto const* const made : {mapped_, &shared_}) {
        if (!made) continue;
        auto const found = std::ranges::find_if(*made, [&](auto const& each) { return each.step == &step; });
        if (found != made->end()) return &*found;
    }
    return nullptr;
}

Result<HostPath> root_directory(CreateRequest const& request) {
    auto const& text = request.spec->root_path;
    if (text.starts_with('/')) return HostPath::parse(text);
    return request.bundle / text;
}

} // namespace bolt::oci
