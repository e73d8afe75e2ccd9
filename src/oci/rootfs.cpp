#include "oci/rootfs.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>

#include "oci/mount_plan.h"
#include "oci/mount_target.h"
#include "sys/file.h"
#include "sys/layered_mount.h"

namespace bolt::oci {

namespace {

Result<Mount> mount_overlay(OverlayRoot const& layers) {
    FilesystemOptions options;
    // One by one (Linux 6.5): a value of fsconfig(2) holds 255 bytes, which a list of paths soon exceeds.
    for (auto const& lower : layers.lowers) options.emplace_back("lowerdir+", lower.text());
    options.emplace_back("upperdir", layers.upper.text());
    options.emplace_back("workdir", layers.work.text());
    if (layers.in_user_namespace) options.emplace_back("userxattr", "");
    if (layers.is_volatile) options.emplace_back("volatile", "");
    return Mount::make("overlay", "overlay", options);
}

// Before Linux 6.5, and for paths over 255 bytes. Mounted at the upper layer itself, which nobody else looks at in this
// mount namespace.
Result<UniqueFd> mount_overlay_by_path(OverlayRoot const& layers) {
    std::string options;
    if (layers.in_user_namespace) options += "userxattr";
    if (layers.is_volatile) options += options.empty() ? "volatile" : ",volatile";
    TRY(mount_layers(layers.lowers, layers.upper, layers.work, options, layers.upper));
    return open_file(layers.upper, O_PATH | O_DIRECTORY);
}

OverlayRoot reachable(OverlayRoot layers, Sources const& sources) {
    for (auto& lower : layers.lowers) lower = sources.reachable(lower);
    layers.upper = sources.reachable(layers.upper);
    layers.work = sources.reachable(layers.work);
    return layers;
}

// The host's mounts must not change with ours: slave (what the host unmounts goes here too) unless something else is asked for.
Result<void> cut_off_mount_namespace(std::string const& wanted, RootEntry entry) {
    auto const propagation = wanted.empty() ? Propagation{MS_SLAVE, Depth::recursive} : TRY(parse_propagation(wanted).while_doing("linux.rootfsPropagation"));
    // "shared" and "unbindable" are for the container's root alone, later: shared with the host would leak every mount.
    std::uint64_t const type = propagation.type == MS_PRIVATE ? MS_PRIVATE : MS_SLAVE;
    auto cut = cut_off_mounts(type);
    if (!cut && cut.error().is(EINVAL) && entry == RootEntry::pivot)
        return Error::of(EINVAL, "the root directory is no mount point, as in a chroot(8), and pivot_root(2) cannot leave it; enter the directory with "
                                 "systemd-nspawn(1), or with pivot_root(8) in a mount namespace");
    return std::move(cut).while_doing("cut the mount namespace off from the host's");
}

} // namespace

Result<Root> attach_rootfs(CreateRequest const& request, Sources const& sources) {
    if (!request.spec->linux_.makes(spec::NamespaceType::mount))
        return Root(TRY(open_file(sources.reachable(TRY(root_directory(request))), O_PATH | O_DIRECTORY).while_doing("root.path")));
    TRY(cut_off_mount_namespace(request.spec->linux_.rootfs_propagation, request.root_entry));
    if (request.overlay) {
        auto const layers = reachable(*request.overlay, sources);
        auto mount = mount_overlay(layers);
        if (!mount) {
            auto by_path = mount_overlay_by_path(layers);
            if (by_path) return Root(std::move(by_path).value());
            // The first has the kernel's own words, unless it is about the option that only newer kernels have.
            bool const is_old = mount.error().text().find("lowerdir+") != std::string::npos;
            return (is_old ? Result<Root>(by_path.error()) : Result<Root>(mount.error())).while_doing("mount the image's layers");
        }
        TRY(mount.value().attach_over_root());
        return Root(mount.value().take_top());
    }
    auto const path = TRY(root_directory(request));
    auto const place = TRY(open_file(sources.reachable(path), O_PATH | O_DIRECTORY).while_doing("root.path"));
    auto mount = TRY(Mount::copy(place, Depth::recursive).while_doing("bind root.path '{}'", path));
    TRY(mount.set({.propagation = MS_PRIVATE}, Depth::recursive));
    // Where it is on the host: hooks that come into this mount namespace find the container's root by the path that they know.
    TRY(mount.attach(place).while_doing("bind root.path '{}'", path));
    return Root(mount.take_top());
}

Result<void> bind_console(Root const& root, FdRef terminal) {
    auto const mount = TRY(Mount::copy(terminal, Depth::top).while_doing("bind the terminal"));
    auto const target = TRY(make_target(root, TRY(RootPath::parse("dev/console")), TargetKind::file).while_doing("/dev/console"));
    if (S_ISDIR(TRY(stat_fd(target)).st_mode)) return Error::of(EISDIR, "'/dev/console' is a directory in the image, and the terminal cannot be bound on it");
    TRY(mount.attach(target).while_doing("bind the terminal on '/dev/console'"));
    return finish_mounting();
}

Result<void> finish_root(spec::Runtime const& spec) {
    auto const& wanted = spec.linux_.rootfs_propagation;
    if (!wanted.empty()) {
        auto const propagation = TRY(parse_propagation(wanted));
        TRY(set_root_mount({.propagation = propagation.type}, propagation.depth).while_doing("linux.rootfsPropagation"));
    }
    return spec.root_readonly ? set_root_mount({.set = MOUNT_ATTR_RDONLY}, Depth::top).while_doing("root.readonly") : Result<void>();
}

} // namespace bolt::oci
