#include "oci/mount_plan.h"

#include <algorithm>

#include <linux/mount.h>
#include <sys/mount.h>

#include "base/text.h"

namespace bolt::oci {

namespace {

struct Surroundings {
    spec::Linux const& section;
    HostPath const& bundle;
    std::string_view context_type;
};

// These show what is elsewhere, or have labels of the policy's.
bool has_label(std::string_view type) { return type != "proc" && type != "sysfs" && type != "mqueue"; }

// The kernel counts versions of inodes where it can (ext4, xfs, btrfs), asked or not: no file system has an option for it any more.
void drop_inode_versions(FilesystemOptions& options) {
    std::erase_if(options, [](auto const& option) { return option.first == "iversion"; });
}

Result<MountStep> plan_bind(spec::Mount const& mount, RootPath target, MountOptions sorted, Surroundings const& around) {
    if (mount.source.empty()) return Error::of(EINVAL, "a bind mount needs a source");
    drop_inode_versions(sorted.filesystem);
    std::vector<std::string> left_out;
    for (auto const& [name, value] : sorted.filesystem) {
        if (!is_superblock_flag(name)) return Error::of(EINVAL, "'{}' is not an option of bind mounts", name);
        left_out.push_back(name);
    }
    if (sorted.copies_up) return Error::of(EINVAL, "'tmpcopyup' is for a tmpfs");
    bool const copies = sorted.source_link == SourceLink::copied;
    if (copies && (sorted.replaces_link || sorted.mapped || !mount.uid_mappings.empty())) return Error::of(EINVAL, "'copy-symlink' goes together with neither 'dest-nofollow' nor mapped ids");
    auto ids = TRY(plan_ids(mount, sorted.mapped, around.section));
    auto const source = mount.source.starts_with('/') ? mount.source : (around.bundle / mount.source).text();
    return MountStep(BindMount{source, std::move(target), sorted.depth, sorted.attributes, sorted.recursive, std::move(ids), sorted.source_link, sorted.replaces_link, std::move(left_out)});
}

Result<MountStep> plan_remount(RootPath target, MountOptions sorted) {
    drop_inode_versions(sorted.filesystem);
    for (auto const name : sorted.taken_back)
        if (name != "noiversion") sorted.filesystem.emplace_back(name, "");
    return MountStep(Remount{std::move(target), std::move(sorted.filesystem), sorted.attributes, sorted.recursive, sorted.is_bind, {}});
}

Result<MountStep> plan_mount(spec::Mount const& mount, Surroundings const& around) {
    auto sorted = TRY(sort_mount_options(mount.options));
    auto target = TRY(RootPath::parse_clamped(mount.destination));
    bool const has_ids = sorted.mapped || !mount.uid_mappings.empty() || !mount.gid_mappings.empty();
    if (has_ids && (sorted.is_remount || mount.type == "cgroup" || mount.type == "cgroup2")) return Error::of(ENOTSUP, "only a new bind mount can have ids of its own");
    if (sorted.is_remount) return plan_remount(std::move(target), std::move(sorted));
    if (target.is_top()) return Error::of(EINVAL, "the root directory is what 'root.path' names, and nothing can be mounted in its place");
    if (mount.type == "cgroup" || mount.type == "cgroup2") return MountStep(MountCgroup{.target = std::move(target), .attributes = sorted.attributes, .is_version_2 = mount.type == "cgroup2"});
    if (sorted.is_bind || mount.type == "bind") return plan_bind(mount, std::move(target), std::move(sorted), around);
    if (sorted.source_link != SourceLink::followed || sorted.replaces_link) return Error::of(EINVAL, "'copy-symlink', 'src-nofollow' and 'dest-nofollow' are for bind mounts");
    if (has_ids) return Error::of(ENOTSUP, "only bind mounts can have ids of their own");
    if (sorted.copies_up && mount.type != "tmpfs") return Error::of(EINVAL, "'tmpcopyup' is for a tmpfs");
    if (mount.type.empty() || mount.type == "none") return Error::of(EINVAL, "neither a file system type nor a bind mount");
    drop_inode_versions(sorted.filesystem);
    // devpts is always a new instance since Linux 4.7.
    std::erase_if(sorted.filesystem, [](auto const& option) { return option.first == "newinstance"; });
    auto source = mount.source == "none" || mount.source.empty() ? mount.type : mount.source;
    if (!around.section.mount_label.empty() && has_label(mount.type)) sorted.filesystem.emplace_back(around.context_type, around.section.mount_label);
    return MountStep(MountFilesystem{mount.type, std::move(source), std::move(target), std::move(sorted.filesystem), sorted.attributes, false, sorted.copies_up});
}

struct UsualDevice {
    std::string_view path;
    unsigned major, minor;
};
// config-linux.md, default devices. /dev/console and /dev/ptmx are made elsewhere.
constexpr UsualDevice usual_devices[] = {{"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

// runtime-linux.md, dev symbolic links; and ptmx of the container's own devpts.
constexpr std::pair<std::string_view, std::string_view> usual_links[] = {
    {"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"}};

// One that the document names may have another owner or mode, but is the same device.
Result<spec::Device> plan_usual_device(UsualDevice const& usual, std::vector<spec::Device> const& named) {
    spec::Device device{.path = std::string(usual.path), .type = 'c', .major = usual.major, .minor = usual.minor, .file_mode = 0666};
    for (auto const& other : named) {
        if (other.path != usual.path) continue;
        if ((other.type != 'c' && other.type != 'u') || other.major != usual.major || other.minor != usual.minor)
            return Error::of(EINVAL, "linux.devices: '{}' is {} {}:{}, and every container has c {}:{} there", other.path, other.type, other.major, other.minor, usual.major, usual.minor);
        device.file_mode = other.file_mode ? other.file_mode : device.file_mode;
        device.uid = other.uid;
        device.gid = other.gid;
    }
    return device;
}

RootPath const* target_of(MountStep const& step) {
    if (auto const* const mount = std::get_if<MountFilesystem>(&step)) return &mount->target;
    if (auto const* const bind = std::get_if<BindMount>(&step)) return &bind->target;
    auto const* const cgroup = std::get_if<MountCgroup>(&step);
    return cgroup ? &cgroup->target : nullptr;
}

// What is mounted at a path when a step is performed; nullptr for nothing of the plan's.
MountStep const* find_mounted_before(std::vector<MountStep> const& steps, std::size_t before, RootPath const& path) {
    for (auto at = before; at-- > 0;)
        if (auto const* const target = target_of(steps[at]); target && target->text() == path.text()) return &steps[at];
    return nullptr;
}

// Whether the document puts something of its own in a device's place: "-v /dev/urandom:/dev/random".
bool is_mounted_over(std::vector<MountStep> const& steps, RootPath const& device, RootPath const& directory) {
    for (auto step = steps.rbegin(); step != steps.rend(); ++step)
        if (auto const* const target = target_of(*step)) {
            if (target->text() == device.text()) return true;
            if (target->text() == directory.text()) return false; // what came before is hidden
        }
    return false;
}

// Whether /dev is a file system of the container's own, or the image's. When the host's is shown instead, it is left alone.
bool has_own_dev(std::vector<MountStep> const& steps, RootPath const& dev) {
    auto const* const mounted = find_mounted_before(steps, steps.size(), dev);
    auto const* const mount = mounted ? std::get_if<MountFilesystem>(mounted) : nullptr;
    return !mounted || (mount && mount->type == "tmpfs");
}

// Whether what is seen around a path is a directory of the host's: a device that is not there would be made on the host.
bool is_in_hosts(std::vector<MountStep> const& steps, RootPath const& path) {
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
        auto const* const target = target_of(*step);
        if (!target || !path.text().starts_with(target->text() + "/")) continue;
        auto const* const mount = std::get_if<MountFilesystem>(&*step);
        return std::holds_alternative<BindMount>(*step) || (mount && mount->type == "devtmpfs");
    }
    return false;
}

Result<void> plan_devices(spec::Runtime const& spec, std::vector<MountStep>& steps) {
    bool const is_own = has_own_dev(steps, TRY(RootPath::parse("dev")));
    if (is_own) {
        for (auto const& usual : usual_devices) {
            auto device = TRY(plan_usual_device(usual, spec.linux_.devices));
            auto target = TRY(RootPath::parse(usual.path));
            if (is_mounted_over(steps, target, target.parent())) continue;
            steps.emplace_back(MakeDevice{std::move(device), std::move(target), true});
        }
        for (auto const& [target, path] : usual_links) {
            auto place = TRY(RootPath::parse(path));
            steps.emplace_back(MakeLink{std::string(target), std::move(place)});
        }
    }
    for (auto const& device : spec.linux_.devices) {
        auto target = TRY(RootPath::parse_clamped(device.path));
        bool const is_usual = std::any_of(std::begin(usual_devices), std::end(usual_devices), [&](auto const& usual) { return usual.path == device.path; });
        // Engines name the host's ptmx with all its other devices; here it is the link to the container's own devpts.
        bool const is_link = target.text() == "dev/ptmx";
        bool const is_hosts = is_in_hosts(steps, target);
        if ((!is_usual && !is_link) || !is_own) steps.emplace_back(MakeDevice{device, std::move(target), false, is_hosts});
    }
    return {};
}

bool is_covered_after(std::vector<MountStep> const& steps, std::size_t after, RootPath const& path) {
    return std::any_of(steps.begin() + static_cast<std::ptrdiff_t>(after) + 1, steps.end(), [&](auto const& step) {
        auto const* const target = target_of(step);
        return target && target->text() == path.text();
    });
}

// A tree of version 1 for nothing but systemd's own groups, as a systemd wants it that knows no cgroup v2.
Result<void> replace_by_systemd_tree(std::string const& path, std::vector<MountStep>& steps) {
    auto const target = TRY(RootPath::parse_clamped(path));
    auto const* const replaced = find_mounted_before(steps, steps.size(), target);
    if (!replaced) return Error::of(EINVAL, "nothing is mounted on '{}'; name the destination of the mount of cgroups", path);
    auto const at = steps.begin() + (replaced - steps.data());
    auto const* const cgroups = std::get_if<MountCgroup>(replaced);
    if (!cgroups) return Error::of(EINVAL, "what is mounted on '{}' is no mount of type cgroup", path);
    auto const attributes = cgroups->attributes;
    *at = MountFilesystem{"tmpfs", "tmpfs", target, {{"size", "1024k"}, {"mode", "755"}}, attributes};
    auto below = TRY(RootPath::parse_clamped(path + "/systemd"));
    auto own = attributes;
    own.set &= ~std::uint64_t{MOUNT_ATTR_RDONLY}; // systemd makes its groups there
    steps.insert(at + 1, MountFilesystem{"cgroup", "cgroup", std::move(below), {{"none", ""}, {"name", "systemd"}, {"xattr", ""}}, own});
    return {};
}

// A file system that the plan did not make is the host's, and its options are not the container's to change.
void spare_file_systems_of_the_host(std::vector<MountStep>& steps) {
    for (std::size_t at = 0; at < steps.size(); ++at) {
        auto* const changed = std::get_if<Remount>(&steps[at]);
        if (!changed) continue;
        auto const* const mounted = find_mounted_before(steps, at, changed->target);
        if (mounted && std::holds_alternative<MountFilesystem>(*mounted) && !changed->is_bind) continue;
        for (auto& [name, value] : changed->options) changed->left_out.push_back(std::move(name));
        changed->options.clear();
    }
}

// Mount points and devices are made below a tmpfs after it: its "ro" has to wait for them.
void seal_filesystems(std::vector<MountStep>& steps) {
    constexpr std::uint64_t read_only = MOUNT_ATTR_RDONLY;
    std::vector<RootPath> late;
    auto const forget = [&](RootPath const& path) { std::erase_if(late, [&](RootPath const& other) { return other.text() == path.text(); }); };
    auto const hold_back = [&](RootPath const& target, MountAttributes& attributes) {
        if ((attributes.set & read_only) != 0) late.push_back(target);
        attributes.set &= ~read_only;
    };
    for (std::size_t at = 0; at < steps.size(); ++at) {
        auto* const mount = std::get_if<MountFilesystem>(&steps[at]);
        if (mount && mount->type == "tmpfs" && !is_covered_after(steps, at, mount->target)) hold_back(mount->target, mount->attributes);
        auto* const changed = std::get_if<Remount>(&steps[at]);
        auto const* const below = changed ? find_mounted_before(steps, at, changed->target) : nullptr;
        auto const* const file_system = below ? std::get_if<MountFilesystem>(below) : nullptr;
        if (!file_system || file_system->type != "tmpfs" || is_covered_after(steps, at, changed->target)) continue;
        if ((changed->attributes.clear & read_only) != 0) forget(changed->target);
        hold_back(changed->target, changed->attributes);
        if ((changed->recursive.set & read_only) != 0) changed->attributes.clear |= read_only; // for the mounts below alone, for now
    }
    for (auto& path : late) steps.emplace_back(SealFilesystem{std::move(path)});
}

} // namespace

bool is_bind_mount(spec::Mount const& mount) {
    return mount.type == "bind" || std::ranges::any_of(mount.options, [](auto const& option) { return option == "bind" || option == "rbind"; });
}

Result<std::vector<MountStep>> plan_mounts(spec::Runtime const& spec, HostPath const& bundle, Annotations const& asked) {
    std::vector<MountStep> steps;
    for (auto const& mount : spec.mounts) steps.push_back(TRY(plan_mount(mount, {spec.linux_, bundle, asked.context_type}).while_doing("mount '{}'", mount.destination)));
    if (!asked.systemd_tree.empty()) TRY(replace_by_systemd_tree(asked.systemd_tree, steps).while_doing("annotation 'run.oci.systemd.force_cgroup_v1'"));
    auto const* const pid = spec.linux_.find(spec::NamespaceType::pid);
    for (auto& step : steps) {
        if (auto* const cgroup = std::get_if<MountCgroup>(&step)) cgroup->own_namespace = spec.linux_.find(spec::NamespaceType::cgroup) != nullptr;
        if (auto* const mount = std::get_if<MountFilesystem>(&step)) mount->shows_own_processes = mount->type == "proc" && pid && pid->path.empty();
    }
    TRY(plan_devices(spec, steps));
    spare_file_systems_of_the_host(steps);
    seal_filesystems(steps);
    for (auto const& path : spec.linux_.readonly_paths) steps.emplace_back(MakeReadOnly{TRY(RootPath::parse_clamped(path))});
    for (auto const& path : spec.linux_.masked_paths) steps.emplace_back(MaskPath{TRY(RootPath::parse_clamped(path))});
    return steps;
}

namespace {
std::string describe_attributes(MountAttributes const& own, MountAttributes const& below) {
    std::string text = fmt::format("set={:#x} clear={:#x}", own.set, own.clear);
    if (own.propagation != 0) text += fmt::format(" propagation={:#x}", own.propagation);
    if (below.any()) text += fmt::format(" below: set={:#x} clear={:#x} propagation={:#x}", below.set, below.clear, below.propagation);
    return text;
}

std::string describe_ids(MountIds const& ids) {
    std::string text = ids.depth == Depth::recursive ? " ids of the tree" : " ids";
    if (!ids.user_namespace.empty()) return fmt::format("{} as in {}", text, ids.user_namespace);
    for (auto const& range : ids.mappings.users) text += fmt::format(" u{}:{}:{}", range.inside, range.outside, range.count);
    for (auto const& range : ids.mappings.groups) text += fmt::format(" g{}:{}:{}", range.inside, range.outside, range.count);
    return text;
}

struct Describe {
    std::string operator()(MountFilesystem const& step) const {
        std::string options;
        for (auto const& [key, value] : step.options) options += fmt::format(" {}{}{}", key, value.empty() ? "" : "=", value);
        return fmt::format("filesystem {} from '{}' on {}:{} {}{}", step.type, step.source, step.target, options, describe_attributes(step.attributes, {}), step.copies_up ? " with what is there" : "");
    }
    std::string operator()(BindMount const& step) const {
        return fmt::format("{} '{}' on {}: {}{}", step.depth == Depth::recursive ? "rbind" : "bind", step.source, step.target,
                           describe_attributes(step.attributes, step.recursive), step.ids ? describe_ids(*step.ids) : "") +
               (step.source_link == SourceLink::copied ? " link copied" : step.source_link == SourceLink::mounted ? " link itself" : "") + (step.replaces_link ? " over link" : "");
    }
    std::string operator()(Remount const& step) const {
        std::string options;
        for (auto const& [key, value] : step.options) options += fmt::format(" {}{}{}", key, value.empty() ? "" : "=", value);
        return fmt::format("remount {}:{} {}", step.target, options, describe_attributes(step.attributes, step.recursive));
    }
    std::string operator()(MountCgroup const& step) const { return fmt::format("cgroup{} on {}: {}", step.own_namespace ? " of its own" : "", step.target, describe_attributes(step.attributes, {})); }
    std::string operator()(MakeDevice const& step) const {
        return fmt::format("device {} {} {}:{} mode {:o}", step.target, step.device.type, step.device.major, step.device.minor, step.device.file_mode.value_or(0666));
    }
    std::string operator()(MakeLink const& step) const { return fmt::format("link {} -> {}", step.path, step.target); }
    std::string operator()(MaskPath const& step) const { return fmt::format("mask {}", step.path); }
    std::string operator()(SealFilesystem const& step) const { return fmt::format("seal {}", step.path); }
    std::string operator()(MakeReadOnly const& step) const { return fmt::format("read-only {}", step.path); }
};
} // namespace

std::string describe(MountStep const& step) { return std::visit(Describe{}, step); }

} // namespace bolt::oci
