// Removing a container: out of sight by one rename, then deleted outside of every lock.
#include <csignal>

#include "engine/as_namespace_root.h"
#include "engine/container_lock.h"
#include "engine/container_name.h"
#include "engine/containers.h"
#include "engine/monitor_calls.h"
#include "engine/volumes.h"
#include "oci/cgroups.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::engine {

namespace {

// SIGKILL through the monitor, which keeps the end in order.
Result<void> end_at_once(Installation const& here, Container const& container) {
    TRY(stop_container(here, container, std::chrono::milliseconds(0), SIGKILL));
    return {};
}

// Holders of the lock: nobody but us from here on. A container that removed itself meanwhile is as it should be.
Result<std::optional<FileLock>> lock_for_removal(Installation const& here, Container const& container, Force force) {
    for (int tries = 0;; ++tries) {
        auto lock = lock_stopped_container(here, container);
        if (lock) return std::optional(std::move(lock).value());
        if (lock.error().is(ENOENT)) return std::optional<FileLock>();
        if (!lock.error().is(EALREADY) || tries >= 5) return std::move(lock).error();
        if (force == Force::no) return Error::of(EBUSY, "{} runs; stop it first (bolt stop {}), or force it (bolt rm -f {})", title_of(container), container.record.name, container.record.name);
        TRY(end_at_once(here, container));
    }
}

// A monitor that was killed has left its container's control groups, one a tree on hosts of version 1.
void remove_control_groups(Container const& container) {
    auto const& path = container.state.cgroup;
    if (path.find(container.record.id) == path.npos) return;
    std::vector<HostPath> found;
    auto const top = HostPath::parse("/sys/fs/cgroup").value();
    auto const listed = list_directory(top);
    auto trees = listed ? listed.value() : std::vector<std::string>();
    trees.emplace_back("");
    for (auto const& tree : trees)
        if (auto directory = HostPath::parse(fmt::format("{}/{}{}", top, tree, path)); directory && exists(directory.value())) found.push_back(std::move(directory).value());
    oci::Cgroup::adopt(std::move(found)).remove(); // somebody's process may be in there: it stays then, ignoring
}

// The error that says most is the first; the rest is done anyway.
void note(Result<void>& outcome, Result<void> step) {
    if (outcome && !step) outcome = std::move(step);
}

} // namespace

Result<void> remove_container(Installation const& here, Container const& container, Force force, Volumes volumes) {
    auto const& id = container.record.id;
    auto lock = TRY(lock_for_removal(here, container, force));
    if (!lock) return {};
    // The name first: a link to a container that is there may only be removed by its owner, so nobody can have taken it over.
    TRY(release_name(here.layout, container.record.name, id).while_doing("remove {}", title_of(container)));
    auto const trash = here.layout.trash() / id;
    TRY(rename_file(here.layout.containers() / id, trash).while_doing("remove {}", title_of(container)));
    lock->release();
    remove_control_groups(container);
    Result<void> outcome;
    note(outcome, remove_tree(run_directory_of(here, container)));
    note(outcome, remove_tree_of_container(here, trash));
    if (volumes == Volumes::remove_anonymous)
        for (auto const& volume : container.record.anonymous_volumes) note(outcome, remove_volume(here, volume));
    return std::move(outcome).while_doing("delete what {} left", title_of(container));
}

Result<void> remove_damaged_container(Installation const& here, std::string const& id) {
    auto const directory = here.layout.containers() / id;
    auto lock = TRY(FileLock::acquire(directory / "lock", LockMode::exclusive, std::chrono::seconds(2)).while_doing("remove container {}", id.substr(0, 12)));
    for (auto const& name : TRY(list_directory(here.layout.names())))
        if (auto const holder = read_symlink(here.layout.names() / name); holder && holder.value() == id) TRY(release_name(here.layout, name, id));
    auto const trash = here.layout.trash() / id;
    TRY(rename_file(directory, trash).while_doing("remove container {}", id.substr(0, 12)));
    lock.release();
    Result<void> outcome;
    note(outcome, remove_tree(here.layout.run_containers() / id));
    note(outcome, remove_tree_of_container(here, trash));
    return outcome;
}

} // namespace bolt::engine
