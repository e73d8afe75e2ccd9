#include "oci/cgroup_trees.h"

#include <algorithm>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"
#include "oci/cgroups.h"
#include "sys/cgroup_membership.h"
#include "sys/file.h"

namespace bolt::oci {

HostPath const& cgroup_top() {
    static auto const top = HostPath::parse("/sys/fs/cgroup").value();
    return top;
}

CgroupVersion cgroup_version() {
    struct statfs status {};
    if (statfs("/sys/fs/cgroup", &status) < 0) return CgroupVersion::none;
    if (status.f_type == CGROUP2_SUPER_MAGIC) return CgroupVersion::v2;
    return exists(cgroup_top() / "memory") || exists(cgroup_top() / "pids") || exists(cgroup_top() / "cpu") ? CgroupVersion::v1 : CgroupVersion::none;
}

CgroupTrees trees_of_host() {
    CgroupTrees trees{.version = cgroup_version()};
    if (trees.version != CgroupVersion::v1) return trees;
    auto const unified = find_file(cgroup_top() / "unified/cgroup.controllers");
    if (!unified || !unified.value()) return trees;
    for (auto const name : split(trim(*unified.value()), ' '))
        if (!name.empty()) trees.unified_controllers.emplace_back(name);
    return trees;
}

bool is_same_directory(HostPath const& one, HostPath const& other) {
    auto const a = stat_file(one), b = stat_file(other);
    return a && b && a.value().st_dev == b.value().st_dev && a.value().st_ino == b.value().st_ino;
}

HostPath top_of(std::string_view tree) {
    if (!tree.empty()) return cgroup_top() / tree;
    return cgroup_version() == CgroupVersion::v2 ? cgroup_top() : cgroup_top() / "unified";
}

namespace {
// The caller's own cgroup in a tree: "controller" is one of v1's names, "" for v2.
Result<std::string> own_cgroup(std::string_view controller) {
    for (auto& tree : TRY(own_cgroup_memberships()))
        if (tree.is_in(controller)) return std::move(tree.path);
    return Error::of(ENOENT, "the caller has no cgroup for '{}'", controller);
}
} // namespace

Result<std::string> place(std::string_view wanted, std::string_view id, std::string_view controller, Caller caller) {
    std::string path; // without doubled and trailing '/'
    for (auto const part : split(wanted, '/')) {
        if (part == ".." || part == ".") return Error::of(EINVAL, "linux.cgroupsPath: '{}' is not a cgroup below the top one: it has '{}' in it", wanted, part);
        if (!part.empty()) path += fmt::format("/{}", part);
    }
    if (!wanted.empty() && path.empty()) return Error::of(EINVAL, "linux.cgroupsPath: '{}' is the top cgroup, which is not the container's own", wanted);
    if (wanted.starts_with('/')) return path;
    if (wanted.empty() && caller == Caller::host_root) return fmt::format("/bolt/{}", id);
    auto const own = TRY(own_cgroup(controller));
    return own + (wanted.empty() ? fmt::format("/bolt-{}", id) : path);
}

void collect_processes(HostPath const& directory, std::vector<pid_t>& pids) {
    auto const text = read_file(directory / "cgroup.procs");
    if (!text) return;
    for (auto const line : split(text.value(), '\n'))
        if (auto const pid = parse_unsigned(line)) pids.push_back(static_cast<pid_t>(pid.value()));
    // A link for each directory inside, and two more: most have none.
    if (auto const status = stat_file(directory); !status || status.value().st_nlink == 2) return;
    auto const names = list_directory(directory);
    if (!names) return;
    for (auto const& name : names.value())
        if (auto const status = stat_file(directory / name); status && S_ISDIR(status.value().st_mode)) collect_processes(directory / name, pids);
}

namespace {
// `tree` is a controller of version 1, or "" for version 2's only tree.
bool belongs_to(CgroupSetting const& setting, std::string_view tree) {
    return tree.empty() ? setting.version == CgroupVersion::v2 : setting.version == CgroupVersion::v1 && setting.controller == tree;
}

// The list of devices is many writes to one file, which stays open.
class SettingsOf {
public:
    explicit SettingsOf(HostPath const& directory) : directory_(directory) {}

    Result<void> write(CgroupSetting const& setting) {
        if (!fd_.is_open() || setting.file != file_) {
            auto opened = open_file(directory_ / setting.file, O_WRONLY);
            if (!opened) return do_without(setting, opened.error());
            fd_ = std::move(opened).value();
            file_ = setting.file;
        }
        TRY(write_to(fd_, setting.file, setting.value, setting));
        return setting.file == "memory.kmem.limit_in_bytes" ? check_that_it_counts(setting) : Result<void>();
    }

private:
    // Linux 5.16 and later take this one and leave it at that.
    Result<void> check_that_it_counts(CgroupSetting const& setting) const {
        auto const now = TRY(parse_integer(trim(TRY(read_file(directory_ / setting.file)))));
        auto const wanted = TRY(parse_integer(setting.value));
        if (wanted < 0 || now <= wanted) return {};
        return Error::of(ENOTSUP, "resources.{}: this host's kernel has no limit for kernel memory (Linux 5.16 took it away); memory.limit counts it in", setting.field);
    }

    static Result<void> write_to(FdRef fd, std::string_view file, std::string_view value, CgroupSetting const& setting) {
        return write_all(fd, value).while_doing("resources.{}: write '{}' to {}", setting.field, value, file);
    }

    Result<void> do_without(CgroupSetting const& setting, Error const& failure) const {
        if (setting.only_if_there && failure.is(ENOENT)) return {};
        if (!setting.other_file.empty())
            if (auto const other = open_file(directory_ / setting.other_file, O_WRONLY)) return write_to(other.value(), setting.other_file, setting.other_value, setting);
        if (!failure.is(ENOENT) && !failure.is(EACCES) && !failure.is(EPERM)) return Error::of(failure.code(), "resources.{}: {}", setting.field, failure.text());
        return Error::of(failure.code(), "resources.{}: the cgroup has no writable '{}' (the '{}' controller is missing or not delegated)", setting.field, setting.file,
                         setting.controller);
    }

    HostPath const& directory_;
    std::string file_;
    UniqueFd fd_;
};

std::vector<std::string> controllers_of(std::vector<CgroupSetting> const& settings) {
    std::vector<std::string> names;
    for (auto const& setting : settings)
        if (setting.version == CgroupVersion::v2 && setting.controller != "cgroup" && std::ranges::find(names, setting.controller) == names.end()) names.push_back(setting.controller);
    return names;
}
} // namespace

void enable_controllers(HostPath const& tree, HostPath const& directory, std::vector<std::string> const& wanted, Ancestors whose) {
    // These systemd does not know.
    auto const is_ours = [&whose](std::string_view name) { return whose == Ancestors::ours || name == "hugetlb" || name == "rdma" || name == "misc"; };
    std::vector<HostPath> ancestors;
    for (auto up = directory.parent(); up.text().size() >= tree.text().size(); up = up.parent()) ancestors.push_back(up);
    for (auto it = ancestors.rbegin(); it != ancestors.rend(); ++it) {
        if (it->name().ends_with(".scope")) whose = Ancestors::ours; // delegated
        auto const fd = open_file(*it / "cgroup.subtree_control", O_WRONLY);
        // Ancestors that are not ours were set up by whoever delegated: the setting itself reports what is missing. One by one: a
        // controller that is not there takes the others along.
        if (!fd) continue;
        for (auto const& name : wanted)
            if (is_ours(name)) (void)write_all(fd.value(), "+" + name).ok();
    }
}

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

namespace {
bool is_cgroup_tree(HostPath const& top) {
    struct statfs status {};
    return statfs(top.c_str(), &status) == 0 && (status.f_type == CGROUP_SUPER_MAGIC || status.f_type == CGROUP2_SUPER_MAGIC);
}
} // namespace

Result<bool> make_directory_of_group(HostPath const& directory, std::string_view tree, std::vector<CgroupSetting> const& settings, TreeUse use, pid_t expected) {
    auto const tree_top = top_of(tree);
    // Below its top there are directories only where a tree is.
    bool is_tree = directory.parent() != tree_top || is_cgroup_tree(tree_top);
    if (is_tree && mkdir(directory.c_str(), 0755) == 0) return true; // a new one has nobody in it
    is_tree = is_tree && is_cgroup_tree(tree_top);
    // Whoever removes a container kills what is in its cgroup.
    if (std::vector<pid_t> strangers; collect_processes(directory, strangers), std::erase(strangers, expected), !strangers.empty())
        return Error::of(EBUSY, "linux.cgroupsPath: process {} is in '{}' already; choose a cgroup of the container's own", strangers.front(), directory);
    auto const first = std::ranges::find_if(settings, [&](auto const& setting) { return belongs_to(setting, tree); });
    if (!is_tree && use == TreeUse::when_there) return false;
    auto const field = first == settings.end() ? std::string("linux.cgroupsPath") : fmt::format("resources.{}", first->field);
    if (!is_tree)
        return Error::of(ENOTSUP, "{}: this host has no cgroup tree of the controller '{}' at '{}'", field, tree, tree_top);
    TRY(make_directories(directory, 0755).while_doing("{}", field));
    return true;
}

namespace {
// A group has realtime only from what its parent has: the groups above it that were made for it get as much.
void give_realtime_to_ancestors(HostPath const& tree, HostPath const& directory, CgroupSetting const& setting) {
    std::vector<HostPath> ancestors;
    for (auto up = directory.parent(); up.text().size() > tree.text().size(); up = up.parent()) ancestors.push_back(up);
    for (auto it = ancestors.rbegin(); it != ancestors.rend(); ++it) {
        auto const now = find_file(*it / setting.file);
        if (!now || !now.value() || trim(*now.value()) != "0") continue;
        if (auto const fd = open_file(*it / setting.file, O_WRONLY)) (void)write_all(fd.value(), setting.value).ok(); // the setting itself tells
    }
}
} // namespace

Result<void> write_settings(HostPath const& directory, std::string_view tree, std::vector<CgroupSetting> const& settings, Ancestors ancestors) {
    if (tree.empty()) enable_controllers(top_of(tree), directory, controllers_of(settings), ancestors);
    std::vector<CgroupSetting const*> too_early;
    SettingsOf group(directory);
    for (auto const& setting : settings) {
        if (!belongs_to(setting, tree)) continue;
        if (setting.file == "cpu.rt_runtime_us") give_realtime_to_ancestors(top_of(tree), directory, setting);
        auto written = group.write(setting);
        // A limit that another one bounds (memory and swap, a quota and its period) may have to come after it.
        if (!written && written.error().is(EINVAL)) too_early.push_back(&setting);
        else TRY(std::move(written));
    }
    for (auto const* const setting : too_early) TRY(group.write(*setting));
    return {};
}

std::vector<std::string> trees_for(std::vector<CgroupSetting> const& settings, CgroupVersion version) {
    if (version == CgroupVersion::v2) return {""};
    std::vector<std::string> trees;
    for (auto const& setting : settings) {
        auto tree = setting.version == CgroupVersion::v2 ? std::string() : setting.controller;
        if (std::ranges::find(trees, tree) == trees.end()) trees.push_back(std::move(tree));
    }
    return trees;
}

} // namespace bolt::oci
