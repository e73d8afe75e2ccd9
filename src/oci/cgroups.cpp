#include "oci/cgroups.h"

#include <algorithm>
#include <csignal>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "oci/cgroup_trees.h"
#include "sys/cgroup_membership.h"
#include "sys/file.h"

namespace bolt::oci {

namespace {

void add_counting_trees(std::vector<std::string>& trees) {
    for (std::string_view const name : {"memory", "cpu", "cpuacct", "blkio", "pids", "freezer"})
        if (std::ranges::find(trees, name) == trees.end()) trees.emplace_back(name);
}

// Where systemd looks for the scope's processes: version 1's name=systemd, and on a hybrid host version 2's as well.
void add_systemds_trees(std::vector<std::string>& trees) {
    if (bolt::exists(top_of("") / "cgroup.procs") && std::ranges::find(trees, "") == trees.end()) trees.insert(trees.begin(), "");
    trees.insert(trees.begin(), "systemd");
}

void add_all_trees(std::vector<std::string>& trees, std::vector<CgroupMembership> const& memberships) {
    for (auto const& membership : memberships) {
        if (std::ranges::any_of(trees, [&](std::string const& tree) { return membership.is_in(tree); })) continue;
        auto const name = membership.is_unified() ? std::string_view() : std::string_view(membership.controllers.front());
        trees.emplace_back(name.starts_with("name=") ? name.substr(5) : name);
    }
}

} // namespace

Cgroup Cgroup::adopt(std::vector<HostPath> directories) {
    Cgroup cgroup;
    cgroup.directories_ = std::move(directories);
    return cgroup;
}

namespace {

// What is to be made, and where.
struct HostPlan {
    CgroupVersion version = CgroupVersion::none;
    Caller caller = Caller::ordinary_user;
    std::vector<CgroupSetting> settings;
    std::vector<spec::DeviceRule> device_rules;
    bool denies_by_itself = false; // nobody has asked for it
    std::vector<std::pair<std::string, HostPath>> directories; // {tree, place}; empty for no cgroup
};
Result<HostPlan> host_plan(CgroupRequest const& request) {
    auto const host = trees_of_host();
    HostPlan plan{.version = host.version};
    auto resources = request.resources;
    if (request.use == CgroupUse::never || (plan.version == CgroupVersion::none && !resources.limits_anything())) return plan;
    if (plan.version == CgroupVersion::none) return Error::of(ENOTSUP, "resources: no cgroup tree is mounted at /sys/fs/cgroup, so limits cannot be set");
    // Root of a user namespace is an ordinary user to the host's cgroup trees.
    plan.caller = geteuid() == 0 && TRY(in_initial_user_namespace()) ? Caller::host_root : Caller::ordinary_user;
    // In a user namespace no device node can be made, and what is bound in is what the runtime chose: rules have nothing to
    // forbid, and nobody there could set them.
    if (plan.caller == Caller::ordinary_user) resources.devices.clear();
    // What nobody names is denied; a host that has no way to deny it has nothing that was asked for and cannot be given.
    else if (are_open(resources.devices) && (plan.version == CgroupVersion::v2 || exists(top_of("devices") / "devices.deny"))) {
        resources.devices.insert(resources.devices.begin(), spec::DeviceRule{.allow = false, .type = 'a', .major = {}, .minor = {}, .access = "rwm"});
        plan.denies_by_itself = request.resources.devices.empty();
    }
    plan.settings = TRY(plan_cgroup(resources, host));
    plan.device_rules = std::move(resources.devices);
    auto const needed = trees_for(plan.settings, plan.version);
    auto trees = needed;
    if (request.scope_holder && plan.version == CgroupVersion::v1) add_systemds_trees(trees);
    bool const is_host_root = plan.caller == Caller::host_root;
    if (plan.version == CgroupVersion::v1) {
        if (request.use == CgroupUse::counted || request.use == CgroupUse::in_every_tree) add_counting_trees(trees);
        if (request.use == CgroupUse::in_every_tree && is_host_root) add_all_trees(trees, TRY(own_cgroup_memberships()));
        // By which its processes are known.
        if (trees.empty() && is_host_root) trees.emplace_back("freezer");
    }
    for (auto& tree : trees) {
        auto const path = place(request.path, request.id, tree, plan.caller);
        if (!path && path.error().is(ENOENT) && std::ranges::find(needed, tree) == needed.end()) continue; // this host has no such tree
        auto directory = TRY(HostPath::parse(top_of(tree).text() + TRY(path)));
        plan.directories.emplace_back(std::move(tree), std::move(directory));
    }
    return plan;
}

bool is_for_devices(CgroupSetting const& setting) { return setting.version == CgroupVersion::v1 && setting.controller == "devices"; }

Result<void> write_device_rules(HostPlan const& plan) {
    if (plan.version == CgroupVersion::v2 && !plan.device_rules.empty() && !plan.directories.empty()) {
        auto attached = attach_device_filter(plan.directories.front().second, make_device_filter(plan_device_filter(plan.device_rules)));
        bool const may_not = !attached && plan.denies_by_itself && attached.error().is(EPERM); // in a container without CAP_BPF
        return may_not ? Result<void>() : std::move(attached).while_doing("resources.devices");
    }
    auto rules = plan.settings;
    std::erase_if(rules, [](auto const& setting) { return !is_for_devices(setting); });
    for (auto const& [tree, directory] : plan.directories)
        if (tree == "devices") {
            auto written = write_settings(directory, tree, rules, Ancestors::ours);
            // In a container whose own rules lack one that every container gets.
            if (!written && !(plan.denies_by_itself && written.error().is(EPERM))) return written;
        }
    return {};
}

} // namespace

Result<void> Cgroup::make_directories(CgroupRequest const& request, std::vector<std::pair<std::string, HostPath>> const& wanted, std::vector<std::string> const& needed, std::vector<CgroupSetting> const& settings) {
    auto const ancestors = request.scope_holder ? Ancestors::systemds : Ancestors::ours;
    for (auto const& [tree, directory] : wanted) {
        auto const use = std::ranges::find(needed, tree) == needed.end() ? TreeUse::when_there : TreeUse::needed;
        if (!TRY(make_directory_of_group(directory, tree, settings, use, request.scope_holder))) continue;
        directories_.push_back(directory);
        if (tree == "cpuset") TRY(inherit_cpuset(top_of(tree), directory));
        TRY(write_settings(directory, tree, settings, ancestors));
    }
    return {};
}

Result<Cgroup> Cgroup::make(CgroupRequest const& request) {
    auto const planned = TRY(host_plan(request));
    Cgroup cgroup;
    if (planned.directories.empty()) return cgroup;
    auto at_once = planned.settings;
    std::erase_if(at_once, is_for_devices);
    auto made = cgroup.make_directories(request, planned.directories, trees_for(planned.settings, planned.version), at_once);
    if (made && !request.devices_later) made = write_device_rules(planned);
    if (made && planned.version == CgroupVersion::v2) made = cgroup.make_birthplace(request);
    if (made) return cgroup;
    // systemd takes its own away, when the holder is gone.
    if (request.scope_holder) std::erase_if(cgroup.directories_, [](auto const& directory) { return !Cgroup::adopt({directory}).members().empty(); });
    cgroup.remove();
    if (request.resources.limits_anything() || planned.caller == Caller::host_root)
        return std::move(made).while_doing("make the cgroup{}", planned.caller == Caller::host_root ? "" : " (an ordinary user needs a delegated cgroup v2 tree for limits)").error();
    return Cgroup(); // an ordinary user without a delegated cgroup, who asked for nothing
}

Result<void> Cgroup::restrict_devices(CgroupRequest const& request) { return write_device_rules(TRY(host_plan(request))); }

Result<void> Cgroup::make_birthplace(CgroupRequest const& request) {
    auto const& directory = directories_.front();
    if (request.use == CgroupUse::counted) enable_controllers(cgroup_top(), directory, {"memory", "cpu", "io", "pids"}, request.scope_holder ? Ancestors::systemds : Ancestors::ours);
    birthplace_ = TRY(open_file(directory, O_PATH | O_DIRECTORY));
    return {};
}

void Cgroup::remove_remains(CgroupRequest const& request) {
    auto const planned = host_plan(request);
    if (!planned) return;
    // Not where somebody is; an init whose runtime was killed is about to end.
    Backoff backoff;
    constexpr int tries = 20; // of 50 ms at most
    for (auto const& [tree, directory] : planned.value().directories)
        for (int left = tries; rmdir(directory.c_str()) < 0 && errno == EBUSY && left > 0; --left) backoff.wait();
}

namespace {
Result<void> move_into(HostPath const& directory, pid_t pid) {
    auto const fd = TRY(open_file(directory / "cgroup.procs", O_WRONLY));
    return write_all(fd, fmt::format("{}", pid)).while_doing("move process {} into '{}'", pid, directory);
}

Result<void> move_oneself_into(HostPath const& directory) {
    auto fd = open_file(directory / "tasks", O_WRONLY);
    if (!fd && fd.error().is(ENOENT)) fd = open_file(directory / "cgroup.procs", O_WRONLY); // version 2
    auto const members = TRY(std::move(fd));
    return write_all(members, "0").while_doing("move into '{}'", directory);
}
} // namespace

Result<void> Cgroup::add(pid_t pid) const {
    for (auto const& directory : directories_) TRY(move_into(directory, pid));
    return {};
}

Result<void> Cgroup::enter() const {
    for (auto const& directory : directories_) TRY(move_oneself_into(directory));
    return {};
}

Result<void> Cgroup::give_to(uid_t user) const {
    auto const& directory = directories_.front();
    auto const listed = find_file(TRY(HostPath::parse("/sys/kernel/cgroup/delegate")));
    auto const names = listed && listed.value() ? *listed.value() : std::string("cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n");
    if (chown(directory.c_str(), user, static_cast<gid_t>(-1)) < 0) return Error::from_errno("give cgroup '{}' to user {}", directory, user);
    for (auto const name : split(trim(names), '\n'))
        if (chown((directory / name).c_str(), user, static_cast<gid_t>(-1)) < 0 && errno != ENOENT) return Error::from_errno("give '{}' of cgroup '{}' to user {}", name, directory, user);
    return {};
}

Result<void> Cgroup::enter_beside(pid_t member) const {
    auto const entered = enter();
    // v2: an init that divides its cgroup among its children (systemd, a nested engine) leaves none for processes but its own.
    if (entered || !entered.error().is(EBUSY)) return entered;
    return move_oneself_into(TRY(HostPath::parse(fmt::format("{}{}", cgroup_top(), TRY(unified_cgroup_of(member))))));
}

namespace {
// Sub-cgroups first: the container may have made some.
Result<void> remove_cgroup(HostPath const& directory) {
    if (rmdir(directory.c_str()) == 0 || errno == ENOENT) return {};
    auto const names = list_directory(directory);
    if (!names) return Error::from_errno("remove cgroup '{}'", directory);
    for (auto const& name : names.value())
        if (auto const status = stat_file(directory / name); status && S_ISDIR(status.value().st_mode)) TRY(remove_cgroup(directory / name));
    Backoff backoff;
    // Processes that were just killed leave their cgroup a little later than they end.
    for (int tries = 0; tries < 40; ++tries, backoff.wait())
        if (rmdir(directory.c_str()) == 0 || errno == ENOENT) return {};
    return Error::from_errno("remove cgroup '{}'", directory);
}
} // namespace

std::vector<pid_t> Cgroup::members() const {
    std::vector<pid_t> pids;
    if (exists()) collect_processes(directories_.front(), pids);
    return pids;
}

void Cgroup::kill_all() const {
    if (!exists()) return;
    if (auto const fd = open_file(directories_.front() / "cgroup.kill", O_WRONLY); fd && write_all(fd.value(), "1").ok()) return;
    Backoff backoff;
    for (int tries = 0; tries < 40; ++tries, backoff.wait()) {
        auto const pids = members();
        if (pids.empty()) return;
        for (pid_t const pid : pids) kill(pid, SIGKILL);
    }
}

bool Cgroup::remove_if_empty() {
    birthplace_.close();
    std::erase_if(directories_, [](HostPath const& directory) { return rmdir(directory.c_str()) == 0 || errno == ENOENT; });
    return directories_.empty();
}

ErrorList Cgroup::remove() {
    ErrorList errors;
    birthplace_.close();
    for (auto const& directory : directories_)
        if (auto removed = remove_cgroup(directory); !removed) errors.push_back(std::move(removed).error());
    directories_.clear();
    return errors;
}

} // namespace bolt::oci
