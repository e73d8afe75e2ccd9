#include "oci/cgroups.h"

#include <algorithm>
#include <csignal>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/cgroup_membership.h"
#include "sys/file.h"

namespace bolt::oci {

namespace {

HostPath top() { return HostPath::parse("/sys/fs/cgroup").value(); }

} // namespace

CgroupVersion cgroup_version() {
    struct statfs status {};
    if (statfs("/sys/fs/cgroup", &status) < 0) return CgroupVersion::none;
    if (status.f_type == CGROUP2_SUPER_MAGIC) return CgroupVersion::v2;
    return exists(top() / "memory") || exists(top() / "pids") || exists(top() / "cpu") ? CgroupVersion::v1 : CgroupVersion::none;
}

namespace {

CgroupTrees trees_of_host() {
    CgroupTrees trees{.version = cgroup_version()};
    if (trees.version != CgroupVersion::v1) return trees;
    auto const unified = find_file(top() / "unified/cgroup.controllers");
    if (!unified || !unified.value()) return trees;
    for (auto const name : split(trim(*unified.value()), ' '))
        if (!name.empty()) trees.unified_controllers.emplace_back(name);
    return trees;
}

// Where a controller's tree is mounted; "" is version 2's only one.
HostPath top_of(std::string_view tree) {
    if (!tree.empty()) return top() / tree;
    return cgroup_version() == CgroupVersion::v2 ? top() : top() / "unified";
}

// The caller's own cgroup in a tree: "controller" is one of v1's names, "" for v2.
Result<std::string> own_cgroup(std::string_view controller) {
    for (auto& tree : TRY(cgroup_memberships_of(getpid())))
        if (controller.empty() ? tree.is_unified() : std::ranges::find(tree.controllers, controller) != tree.controllers.end()) return std::move(tree.path);
    return Error::of(ENOENT, "the caller has no cgroup for '{}'", controller);
}

void collect(HostPath const& directory, std::vector<pid_t>& pids) {
    auto const text = read_file(directory / "cgroup.procs");
    if (!text) return;
    for (auto const line : split(text.value(), '\n'))
        if (auto const pid = parse_unsigned(line)) pids.push_back(static_cast<pid_t>(pid.value()));
    auto const names = list_directory(directory);
    if (!names) return;
    for (auto const& name : names.value())
        if (auto const status = stat_file(directory / name); status && S_ISDIR(status.value().st_mode)) collect(directory / name, pids);
}

// Where the cgroup goes in its tree.
enum class Caller { host_root, ordinary_user };
Result<std::string> place(std::string_view wanted, std::string_view id, std::string_view controller, Caller caller) {
    for (auto const part : split(wanted.starts_with('/') ? wanted.substr(1) : wanted, '/'))
        if (!wanted.empty() && (part.empty() || part == "." || part == ".."))
            return Error::of(EINVAL, "linux.cgroupsPath: '{}' is not a cgroup below the top one: it has '{}' in it", wanted, part.empty() ? "//" : part);
    if (wanted.starts_with('/')) return std::string(wanted);
    if (wanted.empty() && caller == Caller::host_root) return fmt::format("/bolt/{}", id);
    auto const own = TRY(own_cgroup(controller));
    return fmt::format("{}/{}", own, wanted.empty() ? fmt::format("bolt-{}", id) : std::string(wanted));
}

Result<void> write_setting(HostPath const& directory, CgroupSetting const& setting) {
    auto fd = open_file(directory / setting.file, O_WRONLY);
    if (!fd && setting.only_if_there && fd.error().is(ENOENT)) return {};
    if (!fd && !setting.other_file.empty())
        if (auto other = open_file(directory / setting.other_file, O_WRONLY))
            return write_all(other.value(), setting.other_value).while_doing("resources.{}: write '{}' to {}", setting.field, setting.other_value, setting.other_file);
    if (!fd)
        return Error::of(fd.error().code(), "resources.{}: the cgroup has no writable '{}' (the '{}' controller is missing or not delegated)", setting.field,
                         setting.file, setting.controller);
    return write_all(fd.value(), setting.value).while_doing("resources.{}: write '{}' to {}", setting.field, setting.value, setting.file);
}

// v2: a controller's files appear in a cgroup when all its ancestors enable it for their children.
void enable_controllers(HostPath const& tree, HostPath const& directory, std::vector<std::string> const& wanted, Ancestors whose) {
    // These systemd does not know.
    auto const is_ours = [&](std::string_view name) { return whose == Ancestors::ours || name == "hugetlb" || name == "rdma" || name == "misc"; };
    std::vector<HostPath> ancestors;
    for (auto up = directory.parent(); up.text().size() >= tree.text().size(); up = up.parent()) ancestors.push_back(up);
    for (auto it = ancestors.rbegin(); it != ancestors.rend(); ++it) {
        auto const fd = open_file(*it / "cgroup.subtree_control", O_WRONLY);
        // Ancestors that are not ours were set up by whoever delegated: the setting itself reports what is missing. One by one: a
        // controller that is not there takes the others along.
        if (!fd) continue;
        for (auto const& name : wanted)
            if (is_ours(name)) (void)write_all(fd.value(), "+" + name).ok();
    }
}

std::vector<std::string> controllers_of(std::vector<CgroupSetting> const& settings) {
    std::vector<std::string> names;
    for (auto const& setting : settings)
        if (setting.version == CgroupVersion::v2 && setting.controller != "cgroup" && std::ranges::find(names, setting.controller) == names.end()) names.push_back(setting.controller);
    return names;
}

// A new cpuset of v1 has neither CPUs nor memory nodes, and nobody can enter it: take the parent's, all the way down.
Result<void> inherit_cpuset(HostPath const& tree, HostPath const& directory) {
    if (directory == tree) return {};
    TRY(inherit_cpuset(tree, directory.parent()));
    for (std::string_view const file : {"cpuset.cpus", "cpuset.mems"}) {
        auto const own = TRY(read_file(directory / file));
        if (!trim(own).empty()) continue;
        auto const fd = TRY(open_file(directory / file, O_WRONLY));
        TRY(write_all(fd, trim(TRY(read_file(directory.parent() / file)))));
    }
    return {};
}

// `tree` is a controller of version 1, or "" for version 2's only tree.
bool belongs_to(CgroupSetting const& setting, std::string_view tree) {
    return tree.empty() ? setting.version == CgroupVersion::v2 : setting.version == CgroupVersion::v1 && setting.controller == tree;
}

Result<void> make_directory_of_group(HostPath const& directory, std::string_view tree, std::vector<CgroupSetting> const& settings, pid_t expected = 0) {
    // Whoever removes a container kills what is in its cgroup.
    if (std::vector<pid_t> strangers; collect(directory, strangers), std::erase(strangers, expected), !strangers.empty())
        return Error::of(EBUSY, "linux.cgroupsPath: process {} is in '{}' already; choose a cgroup of the container's own", strangers.front(), directory);
    auto const first = std::ranges::find_if(settings, [&](auto const& setting) { return belongs_to(setting, tree); });
    auto const field = first == settings.end() ? std::string("linux.cgroupsPath") : fmt::format("resources.{}", first->field);
    struct statfs status {};
    auto const tree_top = top_of(tree);
    if (statfs(tree_top.c_str(), &status) < 0 || (status.f_type != CGROUP_SUPER_MAGIC && status.f_type != CGROUP2_SUPER_MAGIC))
        return Error::of(ENOTSUP, "{}: this host has no cgroup tree of the controller '{}' at '{}'", field, tree, tree_top);
    return make_directories(directory, 0755).while_doing("{}", field);
}

Result<void> write_settings(HostPath const& directory, std::string_view tree, std::vector<CgroupSetting> const& settings, Ancestors ancestors) {
    if (tree.empty()) enable_controllers(top_of(tree), directory, controllers_of(settings), ancestors);
    std::vector<CgroupSetting const*> too_early;
    for (auto const& setting : settings) {
        if (!belongs_to(setting, tree)) continue;
        auto written = write_setting(directory, setting);
        // A limit that another one bounds (memory and swap, a quota and its period) may have to come after it.
        if (!written && written.error().is(EINVAL)) too_early.push_back(&setting);
        else TRY(std::move(written));
    }
    for (auto const* const setting : too_early) TRY(write_setting(directory, *setting));
    return {};
}

// config-linux.md, checkBeforeUpdate.
Result<void> check_memory(HostPath const& directory, spec::Resources::Memory const& memory) {
    if (!memory.check_before_update || memory.limit.value_or(-1) <= 0) return {};
    auto used = find_file(directory / "memory.current");
    if (!used || !used.value()) used = find_file(directory / "memory.usage_in_bytes");
    if (!used || !used.value()) return {};
    auto const bytes = TRY(parse_unsigned(trim(*used.value())));
    if (bytes <= static_cast<std::uint64_t>(*memory.limit)) return {};
    return Error::of(EBUSY, "resources.memory.limit: {} bytes are used and {} would be left", bytes, *memory.limit);
}

// The trees that hold something of these settings.
std::vector<std::string> trees_for(std::vector<CgroupSetting> const& settings, CgroupVersion version) {
    if (version == CgroupVersion::v2) return {""};
    std::vector<std::string> trees;
    for (auto const& setting : settings) {
        auto tree = setting.version == CgroupVersion::v2 ? std::string() : setting.controller;
        if (std::ranges::find(trees, tree) == trees.end()) trees.push_back(std::move(tree));
    }
    return trees;
}

void add_counting_trees(std::vector<std::string>& trees) {
    for (std::string_view const name : {"memory", "cpu", "cpuacct", "blkio", "pids", "freezer"})
        if (std::ranges::find(trees, name) == trees.end() && exists(top_of(name) / "cgroup.procs")) trees.emplace_back(name);
}

} // namespace

Cgroup Cgroup::adopt(std::vector<HostPath> directories) {
    Cgroup cgroup;
    cgroup.directories_ = std::move(directories);
    return cgroup;
}

Result<Cgroup> Cgroup::make(CgroupRequest const& request) {
    auto const& [path, id, resources, use, scope_holder] = request;
    Cgroup cgroup;
    auto const host = trees_of_host();
    auto const version = host.version;
    bool const needed = resources.limits_anything();
    if (use == CgroupUse::never || (version == CgroupVersion::none && !needed)) return cgroup;
    if (version == CgroupVersion::none) return Error::of(ENOTSUP, "resources: no cgroup tree is mounted at /sys/fs/cgroup, so limits cannot be set");
    // Root of a user namespace is an ordinary user to the host's cgroup trees.
    auto const caller = geteuid() == 0 && TRY(in_initial_user_namespace()) ? Caller::host_root : Caller::ordinary_user;
    auto enforced = resources;
    // In a user namespace no device node can be made, and what is bound in is what the runtime chose: rules have nothing to
    // forbid, and nobody there could set them.
    if (caller == Caller::ordinary_user) enforced.devices.clear();
    auto const settings = TRY(plan_cgroup(enforced, host));
    auto trees = trees_for(settings, version);
    if (use == CgroupUse::counted && version == CgroupVersion::v1) add_counting_trees(trees);
    auto const ancestors = scope_holder ? Ancestors::systemds : Ancestors::ours;
    auto made = [&]() -> Result<void> {
        for (auto const& tree : trees) {
            auto const tree_top = top_of(tree);
            auto const directory = TRY(HostPath::parse(tree_top.text() + TRY(place(path, id, tree, caller))));
            TRY(make_directory_of_group(directory, tree, settings, scope_holder));
            cgroup.directories_.push_back(directory);
            if (tree == "cpuset") TRY(inherit_cpuset(tree_top, directory));
            TRY(write_settings(directory, tree, settings, ancestors));
        }
        if (version == CgroupVersion::v2 && !enforced.devices.empty())
            TRY(attach_device_filter(cgroup.directories_.front(), make_device_filter(plan_device_filter(enforced.devices))).while_doing("resources.devices"));
        if (version == CgroupVersion::v2 && use == CgroupUse::counted) enable_controllers(top(), cgroup.directories_.front(), {"memory", "cpu", "io", "pids"}, ancestors);
        if (version == CgroupVersion::v2) cgroup.birthplace_ = TRY(open_file(cgroup.directories_.front(), O_PATH | O_DIRECTORY));
        return {};
    }();
    if (made) return cgroup;
    if (scope_holder) cgroup.directories_.clear(); // systemd takes its own away, when the holder is gone
    cgroup.remove();
    if (needed || caller == Caller::host_root)
        return std::move(made).while_doing("make the cgroup{}", caller == Caller::host_root ? "" : " (an ordinary user needs a delegated cgroup v2 tree for limits)").error();
    return Cgroup(); // an ordinary user without a delegated cgroup, who asked for nothing
}

namespace {

Result<void> move_into(HostPath const& directory, pid_t pid) {
    auto const fd = TRY(open_file(directory / "cgroup.procs", O_WRONLY));
    return write_all(fd, fmt::format("{}", pid)).while_doing("move process {} into '{}'", pid, directory);
}

// Below the tree's top: v1 and hybrid hosts have a tree a controller, whose name comes first.
std::string path_in_tree(HostPath const& directory, CgroupVersion version) {
    auto const below = directory.text().substr(top().text().size());
    return version == CgroupVersion::v1 ? below.substr(std::min(below.find('/', 1), below.size())) : below;
}

bool is_same(HostPath const& one, HostPath const& other) {
    auto const a = stat_file(one), b = stat_file(other);
    return a && b && a.value().st_dev == b.value().st_dev && a.value().st_ino == b.value().st_ino;
}

// They may start others meanwhile, which are born where their parents are.
Result<void> move_all(Cgroup const& from, HostPath const& to) {
    constexpr int tries = 100;
    for (int left = tries; left > 0; --left) {
        std::vector<pid_t> inside;
        auto const all = from.members();
        collect(to, inside);
        if (inside.size() >= all.size()) return {};
        for (pid_t const pid : all)
            if (auto moved = move_into(to, pid); !moved && !moved.error().is(ESRCH)) return moved;
    }
    return Error::of(EBUSY, "processes are started faster than they can be moved into '{}'", to);
}

} // namespace

Result<HostPath> Cgroup::directory_in(std::string_view tree, std::vector<CgroupSetting> const& settings) {
    if (!exists()) return Error::of(ENOTSUP, "the container has no cgroup of its own");
    auto const tree_top = top_of(tree);
    auto const directory = TRY(HostPath::parse(tree_top.text() + path_in_tree(directories_.front(), cgroup_version())));
    // Two controllers may be in one tree, which then has two names.
    for (auto const& own : directories_)
        if (is_same(own, directory)) return own;
    TRY(make_directory_of_group(directory, tree, settings));
    auto const before = adopt(directories_);
    directories_.push_back(directory);
    if (tree == "cpuset") TRY(inherit_cpuset(tree_top, directory));
    TRY(move_all(before, directory));
    return directory;
}

Result<void> Cgroup::limit(spec::Resources const& resources, Ancestors ancestors) {
    auto const host = trees_of_host();
    if (host.version == CgroupVersion::none || !exists()) return Error::of(ENOTSUP, "the container has no cgroup of its own, so limits cannot be set");
    auto const settings = TRY(plan_cgroup(resources, host));
    for (auto const& tree : trees_for(settings, host.version)) {
        auto const directory = TRY(directory_in(tree, settings));
        TRY(check_memory(directory, resources.memory));
        TRY(write_settings(directory, tree, settings, ancestors));
    }
    return {};
}

namespace {

constexpr int patience = 200; // tries of 50 ms at most

Result<void> write_word(HostPath const& file, std::string_view word) {
    auto const fd = TRY(open_file(file, O_WRONLY));
    return write_all(fd, word).while_doing("write '{}' to '{}'", word, file);
}

bool says(HostPath const& file, std::string_view line) {
    auto const text = find_file(file);
    if (!text || !text.value()) return false;
    auto const lines = split(*text.value(), '\n');
    return std::ranges::find(lines, line) != lines.end();
}

Result<void> await_frozen(HostPath const& directory) {
    Backoff backoff;
    for (int tries = 0; tries < patience; ++tries, backoff.wait()) {
        if (says(directory / "cgroup.events", "frozen 1") || says(directory / "freezer.state", "FROZEN")) return {};
        // v1: processes that were started while it froze need the word again.
        if (says(directory / "freezer.state", "FREEZING")) TRY(write_word(directory / "freezer.state", "FROZEN"));
    }
    return Error::of(ETIMEDOUT, "a process of '{}' cannot be stopped; see the file wchan of its processes in /proc", directory);
}

} // namespace

Result<void> Cgroup::freeze() {
    if (!exists()) return Error::of(ENOTSUP, "the container has no cgroup of its own, so it cannot be paused");
    for (auto const& directory : directories_) {
        if (!bolt::exists(directory / "cgroup.freeze")) continue;
        TRY(write_word(directory / "cgroup.freeze", "1"));
        auto frozen = await_frozen(directory);
        if (!frozen) (void)write_word(directory / "cgroup.freeze", "0").ok(); // the error that counts is the other one
        return frozen;
    }
    auto const directory = TRY(directory_in("freezer", {}));
    TRY(write_word(directory / "freezer.state", "FROZEN"));
    auto frozen = await_frozen(directory);
    if (!frozen) (void)write_word(directory / "freezer.state", "THAWED").ok(); // as above
    return frozen;
}

Result<void> Cgroup::thaw() const {
    for (auto const& directory : directories_) {
        if (bolt::exists(directory / "cgroup.freeze")) TRY(write_word(directory / "cgroup.freeze", "0"));
        if (bolt::exists(directory / "freezer.state")) TRY(write_word(directory / "freezer.state", "THAWED"));
    }
    return {};
}

bool Cgroup::is_frozen() const {
    return std::ranges::any_of(directories_, [](auto const& directory) {
        return says(directory / "cgroup.freeze", "1") || says(directory / "freezer.state", "FROZEN") || says(directory / "freezer.state", "FREEZING");
    });
}

Result<void> Cgroup::add(pid_t pid) const {
    for (auto const& directory : directories_) TRY(move_into(directory, pid));
    return {};
}

Result<void> Cgroup::add_beside(pid_t pid, pid_t member) const {
    auto const added = add(pid);
    // v2: an init that divides its cgroup among its children (systemd, a nested engine) leaves none for processes but its own.
    if (added || !added.error().is(EBUSY)) return added;
    return move_into(TRY(HostPath::parse(fmt::format("{}{}", top(), TRY(unified_cgroup_of(member))))), pid);
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
    if (exists()) collect(directories_.front(), pids);
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

ErrorList Cgroup::remove() {
    ErrorList errors;
    birthplace_.close();
    for (auto const& directory : directories_)
        if (auto removed = remove_cgroup(directory); !removed) errors.push_back(std::move(removed).error());
    directories_.clear();
    return errors;
}

} // namespace bolt::oci
