#include "sys/layered_mount.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sys/file.h"

namespace bolt {

Result<void> enter_own_mount_namespace() {
    if (unshare(CLONE_NEWNS) < 0) return Error::from_errno("make a mount namespace");
    if (mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) < 0) return Error::from_errno("cut the mount namespace off from the host's");
    return {};
}

Result<void> mount_layers(std::vector<HostPath> const& lowers, HostPath const& upper, HostPath const& work, std::string_view options, HostPath const& target) {
    std::vector<UniqueFd> held; // as long as the kernel looks the names up
    auto const name_of = [&](HostPath const& layer) -> Result<std::string> {
        held.push_back(TRY(open_file(layer, O_PATH | O_DIRECTORY).while_doing("open a layer")));
        return fmt::format("/proc/self/fd/{}", held.back().number());
    };
    std::string text = "lowerdir=";
    for (auto const& lower : lowers) {
        if (&lower != lowers.data()) text += ':';
        text += TRY(name_of(lower));
    }
    text += fmt::format(",upperdir={}", TRY(name_of(upper)));
    text += fmt::format(",workdir={}", TRY(name_of(work)));
    if (!options.empty()) text += fmt::format(",{}", options);
    auto const longest = static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) - 1;
    if (text.size() > longest) return Error::of(E2BIG, "{} layers are more than one mount can have", lowers.size());
    if (mount("overlay", target.c_str(), "overlay", 0, text.c_str()) < 0) return Error::from_errno("mount {} layers at '{}'", lowers.size(), target);
    return {};
}

Result<void> unmount_layers(HostPath const& target) {
    if (umount2(target.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) < 0) return Error::from_errno("unmount '{}'", target);
    return {};
}

bool is_whiteout(struct stat const& status) { return S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0); }

bool is_opaque(FdRef directory) {
    for (auto const* const name : {"user.overlay.opaque", "trusted.overlay.opaque"}) {
        char value = 0;
        if (fgetxattr(directory.number(), name, &value, 1) == 1 && value == 'y') return true;
    }
    return false;
}

bool is_whiteout_at(FdRef directory, std::string const& name) {
    struct stat status {};
    return fstatat(directory.number(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && is_whiteout(status);
}

} // namespace bolt
