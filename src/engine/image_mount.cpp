#include "engine/image_mount.h"

#include <csignal>

#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <unistd.h>

#include "sys/channel.h"
#include "sys/file.h"
#include "sys/layered_mount.h"
#include "sys/lock.h"
#include "sys/mount.h"
#include "sys/process.h"
#include "sys/user_namespace.h"

namespace bolt::engine {

namespace {

// What the holder keeps: for as long as the process lives.
struct Held {
    std::optional<store::LayerHold> layers;
    UniqueFd record; // readable when its record is gone
};

constexpr auto mounts_patience = std::chrono::seconds(30);

Result<FileLock> lock_mounts(Installation const& here) {
    TRY(make_directories(store::image_mounts_directory(here.layout), 0700));
    return FileLock::acquire(store::image_mounts_lock(here.layout), LockMode::exclusive, mounts_patience).while_doing("wait for another that mounts an image");
}

// A root directory that holds "image": a name that all programs follow, where /proc/PID/root itself would be a link to find(1) and cp(1).
Result<Mount> mount_below_own_root(Installation const& here, store::Image const& image) {
    TRY(enter_own_mount_namespace());
    auto root = TRY(Mount::make("tmpfs", "bolt", {{"mode", "0755"}, {"size", "64k"}}, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
    auto const place = store::image_mounts_directory(here.layout) / "root";
    TRY(make_directories(place, 0700));
    auto const under = TRY(open_file(place, O_PATH | O_DIRECTORY));
    TRY(root.attach(under));
    auto layers = image.layers;
    if (layers.empty()) return Error::of(EINVAL, "the image has no layers");
    TRY(make_directory(place / "image", 0755));
    if (layers.size() == 1) { // fewer than two would need an upper one
        layers.push_back(place / "nothing");
        TRY(make_directory(layers.back(), 0755));
    }
    TRY(mount_layers_read_only(layers, here.user.uid != 0 ? "userxattr" : "", place / "image"));
    auto const files = TRY(open_file(place / "image", O_PATH | O_DIRECTORY));
    TRY(set_mount(files, {.set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY}, Depth::top));
    TRY(root.set({.set = MOUNT_ATTR_RDONLY}, Depth::top));
    return root;
}

// The holder's way to its rest. Nothing of the caller's stays open in it: a pipe of the caller's would never end.
Result<void> become_holder(Installation const& here, store::Image const& image, Channel const& caller, FileLock& lock, Held& held) {
    TRY(close_others({caller.fd(), lock.fd()}));
    auto const null = TRY(open_null());
    for (int stream = 0; stream <= 2; ++stream) TRY(duplicate_onto(null, stream));
    setsid();
    reset_signals();
    set_process_name("bolt-image");
    held.layers = TRY(store::LayerHold::acquire(here.layout, image));
    TRY(enter_user_namespace_of_caller(here.user_namespace_holders));
    TRY(set_dumpable()); // its user may look through /proc/PID/root: ptrace(2), "Ptrace access mode checking"
    auto const root = TRY(mount_below_own_root(here, image));
    auto const start_time = TRY(start_time_of(getpid()));
    TRY(store::record_image_mount(here.layout, {image.id, getpid(), start_time}));
    held.record = TRY(watch_for_removal(store::image_mount_record(here.layout, image.id)));
    // Somebody may have removed it while nothing said that it is used.
    if (!TRY(store::find_image_by_id(here.layout, image.id.hex()))) return Error::of(ENOENT, "the image was removed meanwhile");
    lock.release();
    // Where the root cannot be left (an initramfs), the host's mounts stay in the namespace and nothing else changes.
    auto const left = enter_root_for_good(root.top());
    return left || !left.error().is(EINVAL) ? left : enter_root_by_chroot(root.top());
}

} // namespace

Result<store::ImageMount> mount_image(Installation const& here, store::Image const& image) {
    TRY(here.layout.prepare());
    auto lock = TRY(lock_mounts(here));
    if (auto const mounted = TRY(store::find_image_mount(here.layout, image.id))) return *mounted;
    auto [ours, theirs] = TRY(Channel::make_pair());
    auto holder = TRY(clone_process({}, [&, &ours = ours, &theirs = theirs] {
        ours.close();
        Held held;
        if (int const failed = run_child(theirs, [&] { return become_holder(here, image, theirs, lock, held); }); failed != 0) return failed;
        theirs.close();
        // Nobody could find it any more when its record goes, with the runtime directory at the user's last logout.
        pollfd gone{held.record.number(), POLLIN, 0};
        while (poll(&gone, 1, -1) <= 0) continue;
        return 0;
    }));
    theirs.close();
    auto const outcome = receive_report(ours, holder, "mount the image");
    if (!outcome) {
        (void)store::forget_image_mount(here.layout, image.id).ok(); // why it failed is what counts, ignoring
        return outcome.error();
    }
    auto const mounted = TRY(store::find_image_mount(here.layout, image.id));
    if (!mounted) return Error::of(ESRCH, "the process that holds the mount was killed");
    holder.release();
    return *mounted;
}

Result<void> unmount_image(Installation const& here, store::ImageMount const& mount) {
    auto const lock = TRY(lock_mounts(here));
    auto const known = TRY(store::find_image_mount(here.layout, mount.image));
    if (known && known->holder != mount.holder) return {}; // ended, and mounted again by somebody else meanwhile
    if (auto const holder = TRY(find_process(mount.holder, mount.start_time))) {
        if (auto const sent = signal_pidfd(*holder, SIGKILL); !sent && !sent.error().is(ESRCH)) return sent.error();
        // Only then are the layers free.
        pollfd ended{holder->number(), POLLIN, 0};
        constexpr int patience_ms = 10'000;
        int ready = 0;
        while ((ready = poll(&ended, 1, patience_ms)) < 0 && errno == EINTR) continue;
        if (ready == 0) return Error::of(ETIMEDOUT, "process {}, which holds the mount, does not end", mount.holder);
    }
    return store::forget_image_mount(here.layout, mount.image);
}

} // namespace bolt::engine
