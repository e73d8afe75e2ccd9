#include "engine/container_spec.h"

#include <algorithm>

#include "engine/environment.h"

namespace bolt::engine {

namespace {

using Words = std::vector<std::string>;

std::vector<PlannedMount> default_mounts(SpecPlan const& plan) {
    Words terminals{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
    if (plan.maps_terminal_group) terminals.emplace_back("gid=5");
    // A sysfs shows a network namespace and belongs to that one's user namespace: the host's, or the monitor's when the container
    // has one of its own.
    bool const borrows_sys = plan.ids || (plan.network == net::Mode::host && plan.privilege == Privilege::user_namespace);
    return {
        {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
        {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
        {"/dev/pts", "devpts", "devpts", std::move(terminals)},
        {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
        {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
        borrows_sys ? PlannedMount{"/sys", "bind", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}}
                    : PlannedMount{"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
        {"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}},
    };
}

Json mount_json(PlannedMount const& mount) {
    Json document;
    document.set("destination", mount.destination).set("type", mount.type).set("source", mount.source).set("options", mount.options);
    return document;
}

auto depth_of(PlannedMount const& mount) { return std::ranges::count(mount.destination, '/'); }

Json mounts_json(SpecPlan const& plan) {
    auto own = plan.mounts;
    std::ranges::stable_sort(own, {}, depth_of); // a parent before what is mounted in it
    Json list;
    for (auto const& mount : default_mounts(plan))
        if (std::ranges::find(own, mount.destination, &PlannedMount::destination) == own.end()) list.push(mount_json(mount));
    for (auto const& mount : own) list.push(mount_json(mount));
    return list;
}

// Other users than root get the bounding set only, which is what execve(2) would leave them.
Json capabilities_json(SpecPlan const& plan) {
    Json document;
    document.set("bounding", plan.capabilities);
    if (plan.user.uid == 0) document.set("effective", plan.capabilities).set("permitted", plan.capabilities);
    return document;
}

Json process_json(SpecPlan const& plan) {
    Json document;
    document.set("terminal", plan.terminal).set("user", to_json(plan.user)).set("args", plan.arguments).set("env", plan.environment);
    document.set("cwd", plan.working_directory).set("capabilities", capabilities_json(plan)).set("noNewPrivileges", plan.no_new_privileges);
    return document;
}

Json resources_json(SpecPlan const& plan) {
    Json document;
    if (plan.privilege == Privilege::root) {
        // Root may make device nodes; the control group says which of them open. The runtime adds the usual harmless ones.
        Json nothing;
        nothing.set("allow", false).set("access", "rwm");
        document.set("devices", Json().push(std::move(nothing)));
    }
    if (plan.limits.memory) {
        Json memory;
        memory.set("limit", plan.limits.memory->count);
        if (plan.limits.memory_and_swap) memory.set("swap", plan.limits.memory_and_swap->count);
        document.set("memory", std::move(memory));
    }
    if (plan.limits.cpus) {
        constexpr std::int64_t period = 100'000; // microseconds
        document.set("cpu", Json().set("quota", static_cast<std::int64_t>(*plan.limits.cpus * static_cast<double>(period))).set("period", period));
    }
    if (plan.limits.processes.value_or(-1) > 0) document.set("pids", Json().set("limit", *plan.limits.processes));
    return document;
}

Json mappings_json(std::vector<IdRange> const& ranges) {
    Json list;
    for (auto const& range : ranges) list.push(Json().set("containerID", range.inside).set("hostID", range.outside).set("size", range.count));
    return list;
}

Json linux_json(SpecPlan const& plan) {
    Json namespaces;
    if (plan.ids) namespaces.push(Json().set("type", "user"));
    for (auto const type : {"pid", "mount", "ipc", "uts", "cgroup"}) namespaces.push(Json().set("type", type));
    Json document;
    document.set("namespaces", std::move(namespaces)).set("maskedPaths", plan.hidden.masked).set("readonlyPaths", plan.hidden.read_only);
    if (plan.ids) document.set("uidMappings", mappings_json(plan.ids->users)).set("gidMappings", mappings_json(plan.ids->groups));
    if (!plan.cgroup.empty()) document.set("cgroupsPath", plan.cgroup);
    if (auto resources = resources_json(plan); !resources.is_null()) document.set("resources", std::move(resources));
    if (!plan.seccomp.is_null()) document.set("seccomp", plan.seccomp);
    return document;
}

} // namespace

Json container_spec(SpecPlan const& plan) {
    Json root;
    root.set("path", "rootfs").set("readonly", plan.read_only_root);
    Json document;
    // The oldest version that has all that is used here: other runtimes refuse what they do not know yet.
    document.set("ociVersion", "1.0.2").set("process", process_json(plan)).set("root", std::move(root)).set("hostname", plan.hostname);
    document.set("mounts", mounts_json(plan)).set("linux", linux_json(plan));
    return document;
}

Result<std::vector<std::string>> choose_command(ContainerOptions const& options, spec::ImageConfig const& image) {
    // A given entrypoint takes the image's command away as well: it was written for the image's own.
    std::vector<std::string> command;
    if (!options.entrypoint) command = image.entrypoint;
    else if (!options.entrypoint->empty()) command.push_back(*options.entrypoint);
    auto const& arguments = options.command.empty() && !options.entrypoint ? image.cmd : options.command;
    command.insert(command.end(), arguments.begin(), arguments.end());
    if (command.empty()) return Error::of(EINVAL, "nothing to run: image '{}' names no command; write one after the image's name", options.image);
    return command;
}

Result<std::vector<std::string>> choose_environment(ContainerOptions const& options, spec::ImageConfig const& image, std::string_view hostname,
                                                    std::string_view home) {
    Environment environment;
    environment.set(default_path);
    environment.set(fmt::format("HOSTNAME={}", hostname));
    if (options.terminal) environment.set("TERM=xterm");
    for (auto const& assignment : image.env) // some builders write words that are none, which docker's images get away with
        if (!assignment.starts_with('=') && assignment.find('=') != assignment.npos) environment.set(assignment);
    TRY(add_given(environment, options.environment));
    environment.set_unless_there("container=bolt");
    environment.set_unless_there(fmt::format("HOME={}", home));
    return environment.list();
}

namespace {

// What docker gives a tmpfs, less what was asked to be otherwise.
std::vector<std::string> tmpfs_options(MountOption const& option) {
    auto const asked = [&](std::string_view word) { return std::ranges::find(option.tmpfs_options, word) != option.tmpfs_options.end(); };
    std::vector<std::string> options;
    for (auto const& [usual, opposite] : {std::pair("noexec", "exec"), std::pair("nosuid", "suid"), std::pair("nodev", "dev")})
        if (!asked(usual) && !asked(opposite)) options.emplace_back(usual);
    options.insert(options.end(), option.tmpfs_options.begin(), option.tmpfs_options.end());
    return options;
}

} // namespace

PlannedMount plan_mount(MountOption const& option, std::string_view source) {
    if (option.kind == MountKind::tmpfs) {
        PlannedMount mount{option.target, "tmpfs", "tmpfs", tmpfs_options(option)};
        if (option.read_only) mount.options.emplace_back("ro");
        return mount;
    }
    PlannedMount mount{option.target, "bind", std::string(source), {"rbind", option.propagation.empty() ? "rprivate" : option.propagation}};
    mount.options.emplace_back(option.read_only ? "ro" : "rw");
    return mount;
}

} // namespace bolt::engine
