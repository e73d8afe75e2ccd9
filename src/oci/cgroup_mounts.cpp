#include "oci/cgroup_mounts.h"

#include <algorithm>

#include <linux/mount.h>
#include <sys/stat.h>

#include "base/text.h"
#include "oci/cgroup_trees.h"
#include "oci/cgroups.h"
#include "oci/mount_target.h"
#include "sys/cgroup_membership.h"

namespace bolt::oci {

namespace {

// The host's trees as they are, or one of them, read-only: on v1 and hybrid hosts, and on v2 without a cgroup namespace of one's own.
Result<void> bind_host_cgroups(MountCgroup const& step, Root const& root, HostPath const& host = cgroup_top()) {
    auto const mount = TRY(Mount::copy(host, Depth::recursive));
    MountAttributes const wanted{.set = step.attributes.set | MOUNT_ATTR_RDONLY, .clear = step.attributes.clear & MOUNT_ATTR__ATIME};
    if (!mount.set(wanted, Depth::recursive)) TRY(mount.set(wanted, Depth::top));
    auto const target = TRY(make_target(root, step.target, TargetKind::directory));
    return mount.attach(target);
}

// One tree of a version 1 or hybrid host, as /proc/self/cgroup names it: "cpu,cpuacct", "name=systemd", "" for version 2.
Result<Mount> make_cgroup_tree(std::string_view controllers, std::uint64_t attributes) {
    if (controllers.empty()) return Mount::make("cgroup2", "cgroup2", {}, attributes);
    FilesystemOptions options;
    for (auto const controller : split(controllers, ',')) {
        auto const [key, value, is_named] = cut(controller, '=');
        if (is_named) options.emplace_back("none", "");
        options.emplace_back(key, value);
    }
    return Mount::make("cgroup", "cgroup", options, attributes);
}

// The container's own group in the tree of `membership`; none when it has none there, and would see the host's.
HostPath const* find_own_group(MountCgroup const& step, CgroupMembership const& membership) {
    auto const is_there = [&](HostPath const& group) {
        auto const tree = cut(std::string_view(group.text()).substr(cgroup_top().text().size() + 1), '/').before;
        return membership.is_in(tree == "unified" ? "" : tree);
    };
    auto const it = std::ranges::find_if(step.own, is_there);
    return it == step.own.end() ? nullptr : &*it;
}

// Below a small tmpfs, as on the host; each tree begins at the container's own group.
Result<void> mount_own_cgroup_trees(MountCgroup const& step, Root const& root) {
    auto const target = TRY(make_target(root, step.target, TargetKind::directory));
    auto const place = TRY(Mount::make("tmpfs", "tmpfs", {{"size", "64k"}, {"mode", "755"}}, step.attributes.set & ~static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY)));
    std::vector<std::pair<std::string, Mount>> trees;
    for (auto const& membership : TRY(own_cgroup_memberships())) {
        auto const controllers = join(membership.controllers, ",");
        auto const name = membership.is_unified() ? "unified" : controllers.starts_with("name=") ? controllers.substr(5) : controllers;
        auto const* const group = find_own_group(step, membership);
        if (!group) continue;
        auto tree = TRY(step.own_namespace ? make_cgroup_tree(controllers, step.attributes.set) : Mount::copy(*group, Depth::top));
        if (!step.own_namespace) TRY(tree.set(step.attributes, Depth::top)); // before anything is attached: it may be refused
        trees.emplace_back(name, std::move(tree));
    }
    TRY(place.attach(target));
    for (auto const& [name, tree] : trees) {
        if (mkdirat(place.top().number(), name.c_str(), 0755) < 0) return Error::from_errno("make the mount point '{}'", name);
        TRY(tree.attach(place.top(), name));
    }
    return place.set(step.attributes, Depth::top);
}

} // namespace

namespace {
// Without a cgroup namespace of one's own a new mount would change the options of the host's.
Result<void> mount_version_2(MountCgroup const& step, Root const& root, HostPath const& hosts) {
    if (!step.own_namespace) return bind_host_cgroups(step, root, hosts);
    auto const mount = Mount::make("cgroup2", "cgroup2", {}, step.attributes.set);
    if (!mount && (mount.error().is(EPERM) || mount.error().is(EBUSY))) return bind_host_cgroups(step, root, hosts);
    if (!mount) return mount.error();
    auto const target = TRY(make_target(root, step.target, TargetKind::directory));
    return mount.value().attach(target);
}
} // namespace

Result<void> mount_cgroup(MountCgroup const& step, Root const& root) {
    auto const version = cgroup_version();
    if (version == CgroupVersion::none) {
        TRY(make_target(root, step.target, TargetKind::directory));
        return {};
    }
    if (version == CgroupVersion::v2) return mount_version_2(step, root, cgroup_top());
    if (step.is_version_2) return mount_version_2(step, root, cgroup_top() / "unified");
    auto const mounted = step.own_namespace || !step.own.empty() ? mount_own_cgroup_trees(step, root) : Result<void>(Error(EPERM, ""));
    return !mounted && mounted.error().is(EPERM) ? bind_host_cgroups(step, root) : mounted;
}

} // namespace bolt::oci
