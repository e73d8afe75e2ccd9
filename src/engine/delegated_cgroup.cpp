#include "engine/delegated_cgroup.h"

#include <algorithm>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"
#include "oci/scope.h"
#include "sys/cgroup_membership.h"
#include "sys/file.h"

namespace bolt::engine {

namespace {

constexpr std::string_view hierarchy = "/sys/fs/cgroup";

Result<HostPath> directory_of(std::string const& path) { return HostPath::parse(fmt::format("{}{}", hierarchy, path)); }

Result<void> require_unified_hierarchy() {
    struct statfs found {};
    if (statfs(std::string(hierarchy).c_str(), &found) == 0 && static_cast<unsigned long>(found.f_type) == CGROUP2_SUPER_MAGIC) return {};
    return Error::of(EOPNOTSUPP, "limits (-m, --cpus, --pids-limit) of an ordinary user need cgroup v2 alone at {}, which this host has not; boot it with "
                                 "systemd.unified_cgroup_hierarchy=1, run bolt as root, or leave the limits out",
                     hierarchy);
}

// "" for the tree's root, so that names can be added.
Result<std::string> cgroup_of(pid_t pid) {
    auto path = TRY(unified_cgroup_of(pid));
    return path == "/" ? "" : std::move(path);
}

Result<void> write_control(HostPath const& file, std::string_view text) {
    auto const fd = TRY(open_file(file, O_WRONLY));
    return write_all(fd, text).while_doing("write '{}' to '{}'", text, file);
}

Result<void> ensure_directory(HostPath const& directory) {
    auto made = make_directory(directory, 0755);
    return made || made.error().is(EEXIST) ? Result<void>() : std::move(made);
}

// Gives the parts of `path` the controllers, which the kernel allows only while no process is in `path` itself.
Result<void> divide(std::string const& path, std::vector<std::string> const& controllers) {
    auto const directory = TRY(directory_of(path));
    auto const text = TRY(read_file(directory / "cgroup.controllers"));
    auto const offered = split(trim(text), ' ');
    for (auto const& controller : controllers) {
        if (std::ranges::find(offered, controller) == offered.end())
            return Error::of(EOPNOTSUPP, "the cgroup controller '{}' is not delegated to you, so its limit cannot be set; as root put \"[Service]\\nDelegate=cpu cpuset io memory pids\" "
                                         "into /etc/systemd/system/user@.service.d/delegate.conf, then systemctl daemon-reload, and log in again",
                             controller);
        TRY(write_control(directory / "cgroup.subtree_control", "+" + controller));
    }
    return {};
}

Result<void> enter_part(std::string const& path, pid_t pid) {
    auto const part = TRY(directory_of(path)) / "monitor";
    TRY(ensure_directory(part));
    return write_control(part / "cgroup.procs", fmt::format("{}", pid));
}

// A host without a systemd of the user's, where somebody has given the user the group that the caller is in.
Result<std::string> divide_own_group(pid_t deputy, Error const& no_scope, std::vector<std::string> const& controllers) {
    auto const path = TRY(cgroup_of(getpid()));
    auto const directory = TRY(directory_of(path));
    if (access((directory / "cgroup.subtree_control").c_str(), W_OK) < 0)
        return Error::of(EOPNOTSUPP, "limits need a control group of your own: {}; and '{}' belongs to somebody else", no_scope.text(), directory);
    TRY(ensure_directory(directory / "caller"));
    TRY(write_control(directory / "caller/cgroup.procs", fmt::format("{}", getpid())));
    TRY(enter_part(path, deputy));
    TRY(divide(path, controllers).while_doing("divide your own control group '{}', in which other processes may be", directory));
    return path;
}

Result<std::string> make_place(HostPath const& scope_program, std::string_view container_id, pid_t deputy, std::vector<std::string> const& controllers) {
    auto const unit = fmt::format("bolt-{}.scope", container_id);
    auto const moved = oci::make_scope_around({scope_program, SystemdManager::user, unit}, deputy, {{"Description", fmt::format("bolt container {}", container_id.substr(0, 12))}});
    if (!moved && moved.error().is(ENOENT)) return divide_own_group(deputy, moved.error(), controllers);
    if (!moved) return moved.error();
    auto path = TRY(cgroup_of(deputy));
    TRY(enter_part(path, deputy));
    TRY(divide(path, controllers));
    return path;
}

// Situation:    a child that stands where the monitor shall begin; the descriptors in `options` are its parent's.
// Must:         spawn the monitor when told, and be gone: nobody's parent, as if the caller had ended.
int serve_as_deputy(Channel const& orders, HostPath const& program, SpawnOptions const& options) {
    auto const word = orders.receive();
    if (!word || !word.value()) return 1; // the caller gave up
    return run_child(orders, [&]() -> Result<void> {
        auto monitor = TRY(spawn(program, options));
        monitor.release();
        return {};
    });
}

} // namespace

std::vector<std::string> needed_controllers(Json const& request) {
    std::vector<std::string> names;
    auto const* const spec = request.find("spec");
    auto const* const system = spec ? spec->find("linux") : nullptr;
    auto const* const resources = system ? system->find("resources") : nullptr;
    if (!resources) return names;
    for (auto const* const name : {"memory", "cpu", "pids"})
        if (resources->find(name)) names.emplace_back(name);
    return names;
}

Json with_cgroup(Json request, std::string const& path) {
    auto const member = [](Json& document, std::string_view key) -> Json* {
        auto* const members = document.find_object();
        if (!members) return nullptr;
        auto const place = std::ranges::find(*members, key, &Json::Member::first);
        return place == members->end() ? nullptr : &place->second;
    };
    auto* const spec = member(request, "spec");
    auto* const system = spec ? member(*spec, "linux") : nullptr;
    if (!system) return request;
    if (auto* const present = member(*system, "cgroupsPath")) *present = path;
    else system->set("cgroupsPath", path);
    return request;
}

Result<DelegatedCgroup> DelegatedCgroup::make(std::string_view container_id, std::vector<std::string> const& controllers, HostPath const& program,
                                              SpawnOptions const& options, HostPath const& scope_program) {
    TRY(require_unified_hierarchy());
    auto [ours, theirs] = TRY(Channel::make_pair());
    auto deputy = TRY(clone_process({}, [&ours = ours, &theirs = theirs, &program, &options] {
        ours.close();
        return serve_as_deputy(theirs, program, options);
    }));
    theirs.close();
    auto path = TRY(make_place(scope_program, container_id, deputy.pid(), controllers));
    return DelegatedCgroup(std::move(ours), std::move(deputy), std::move(path));
}

Result<void> DelegatedCgroup::spawn_inside() {
    TRY(orders_.send("go"));
    TRY(receive_report(orders_, deputy_, "start bolt-monitor"));
    TRY(deputy_.wait());
    return {};
}

// The root group of a tree has no file of version 2's, so the first ones below it tell.
bool swap_is_counted() {
    auto const top = HostPath::parse(hierarchy).value();
    if (exists(top / "memory/memory.memsw.limit_in_bytes") || exists(top / "memory.swap.max")) return true;
    auto const groups = list_directory(top);
    if (!groups) return false;
    auto const some_have = [&](std::string_view file) { return std::ranges::any_of(groups.value(), [&](auto const& name) { return exists(top / name / file); }); };
    // Where no group has the controller yet, the kernel's support for swap decides.
    if (exists(top / "cgroup.controllers") && !some_have("memory.max")) return exists(HostPath::parse("/proc/swaps").value());
    return some_have("memory.swap.max");
}

} // namespace bolt::engine
