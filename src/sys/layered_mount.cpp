#include "sys/layered_mount.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/mount.h"

namespace bolt {

Result<void> enter_own_mount_namespace() {
    if (unshare(CLONE_NEWNS) < 0) return Error::from_errno("make a mount namespace");
    return cut_off_mounts(MS_SLAVE).while_doing("cut the mount namespace off from the host's");
}

namespace {

// The options of one overlay. What they name is held open until the kernel has looked it up.
class LayerOptions {
public:
    Result<void> add(std::string_view name, HostPath const& directory) {
        held_.push_back(TRY(open_file(directory, O_PATH | O_DIRECTORY).while_doing("open a layer")));
        text_ += fmt::format("{}/proc/self/fd/{}", name, held_.back().number());
        return {};
    }
    Result<void> add_lowers(std::vector<HostPath> const& lowers) {
        layers_ = lowers.size();
        for (auto const& lower : lowers) TRY(add(&lower == lowers.data() ? "lowerdir=" : ":", lower));
        return {};
    }
    void add_text(std::string_view options) {
        if (!options.empty()) text_ += fmt::format(",{}", options);
    }
    Result<void> mount_at(HostPath const& target) const {
        auto const longest = static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) - 1;
        if (text_.size() > longest) return Error::of(E2BIG, "{} layers are more than one mount can have", layers_);
        if (mount("overlay", target.c_str(), "overlay", 0, text_.c_str()) < 0) return Error::from_errno("mount {} layers at '{}'", layers_, target);
        return {};
    }

private:
    std::vector<UniqueFd> held_;
    std::string text_;
    std::size_t layers_ = 0;
};

} // namespace

Result<void> mount_layers(std::vector<HostPath> const& lowers, HostPath const& upper, HostPath const& work, std::string_view options, HostPath const& target) {
    LayerOptions overlay;
    TRY(overlay.add_lowers(lowers));
    TRY(overlay.add(",upperdir=", upper));
    TRY(overlay.add(",workdir=", work));
    overlay.add_text(options);
    return overlay.mount_at(target);
}

Result<void> mount_layers_read_only(std::vector<HostPath> const& lowers, std::string_view options, HostPath const& target) {
    LayerOptions overlay;
    TRY(overlay.add_lowers(lowers));
    overlay.add_text(options);
    return overlay.mount_at(target);
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
