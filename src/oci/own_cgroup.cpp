#include "oci/own_cgroup.h"

#include <algorithm>

#include <sys/stat.h>
#include <unistd.h>

#include "oci/annotations.h"
#include "oci/mount_plan.h"
#include "oci/scope_plan.h"
#include "sys/file.h"

namespace bolt::oci {

namespace {

Result<Scope> make_scope(CreateRequest const& request) {
    auto const& spec = *request.spec;
    auto const manager = TRY(own_systemd());
    if (cgroup_version() != CgroupVersion::v2 && manager == SystemdManager::user)
        return Error::of(ENOTSUP, "a user's systemd has no controllers of cgroup v1; use cgroupfs (leave '--systemd-cgroup' out), or boot with systemd.unified_cgroup_hierarchy=1");
    auto const name = TRY(parse_scope_name(spec.linux_.cgroups_path, request.id, manager));
    auto properties = TRY(plan_scope(spec.linux_.resources, cgroup_version()));
    for (auto& property : TRY(properties_of_annotations(spec.annotations))) properties.push_back(std::move(property));
    return Scope::start(*request.scope_program, manager, name, fmt::format("container {}", request.id), std::move(properties));
}

// Whether the container sees its cgroups, and not read-only: what is said last counts.
bool writes_to_cgroups(spec::Runtime const& spec) {
    bool is_there = false, is_writable = false;
    for (auto const& mount : spec.mounts) {
        if (mount.destination.find("cgroup") == std::string::npos) continue; // no '..' makes the word, and few mounts have it
        auto const target = RootPath::parse_clamped(mount.destination);
        if (!target || target.value().text() != "sys/fs/cgroup") continue;
        bool const is_remount = std::ranges::find(mount.options, "remount") != mount.options.end();
        if (!is_remount) is_there = is_writable = mount.type == "cgroup" || mount.type == "cgroup2";
        for (auto const& option : mount.options) is_writable = option == "ro" || option == "rro" ? false : option == "rw" || option == "rrw" ? is_there : is_writable;
    }
    return is_writable;
}

// config-linux.md, cgroup ownership: the container's user, as the host calls it, where the container can write to the files.
std::optional<uid_t> delegate_of(spec::Runtime const& spec) {
    auto const& section = spec.linux_;
    // What asks the kernel comes last: this is on the way of every start.
    if (!section.makes(spec::NamespaceType::cgroup) || !writes_to_cgroups(spec) || geteuid() != 0 || cgroup_version() != CgroupVersion::v2) return std::nullopt;
    if (!section.find(spec::NamespaceType::user)) return spec.process->user.uid;
    for (auto const& map : section.uid_mappings)
        if (auto const uid = spec.process->user.uid; uid >= map.container_id && uid - map.container_id < map.size) return map.host_id + (uid - map.container_id);
    return std::nullopt;
}

// A cgroup with processes in it cannot divide itself, so the scope's holder goes ahead.
Result<std::string> make_subgroup(Scope const& scope, std::string const& name) {
    auto const path = fmt::format("{}/{}", scope.cgroups_path(), name);
    if (cgroup_version() != CgroupVersion::v2) return path;
    auto const directory = TRY(HostPath::parse("/sys/fs/cgroup" + path));
    TRY(make_directory(directory, 0755));
    TRY(Cgroup::adopt({directory}).add(scope.holder()));
    return path;
}

bool is_block_device(std::string const& path) {
    struct stat status {};
    return path.starts_with('/') && stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
}

CgroupRequest cgroup_request(CreateRequest const& request, std::string const& path, pid_t holder) {
    return {.path = path, .id = request.id, .resources = request.spec->linux_.resources, .use = cgroup_use_of(*request.spec, request.cgroup_use), .devices_later = mounts_block_devices(*request.spec), .scope_holder = holder};
}

} // namespace

CgroupUse cgroup_use_of(spec::Runtime const& spec, CgroupUse wanted) {
    if (wanted != CgroupUse::never && writes_to_cgroups(spec)) return CgroupUse::in_every_tree;
    return wanted == CgroupUse::when_possible && !spec.linux_.cgroups_path.empty() ? CgroupUse::counted : wanted;
}

bool mounts_block_devices(spec::Runtime const& spec) {
    return std::ranges::any_of(spec.mounts, [](auto const& mount) { return !is_bind_mount(mount) && is_block_device(mount.source); });
}

Result<void> make_cgroup(CreateRequest const& request, Created& created, std::optional<Scope>& scope) {
    auto const& section = request.spec->linux_;
    if (request.scope_program && request.cgroup_use != CgroupUse::never) scope = TRY(make_scope(request));
    created.cgroups_path = section.cgroups_path;
    if (scope) {
        auto const subgroup = TRY(parse_annotations(request.spec->annotations)).subgroup;
        created.scope_unit = scope->unit();
        created.cgroups_path = subgroup.empty() ? scope->cgroups_path() : TRY(make_subgroup(*scope, subgroup).while_doing("annotation 'run.oci.systemd.subgroup'"));
    }
    created.cgroup = TRY(Cgroup::make(cgroup_request(request, created.cgroups_path, scope ? scope->holder() : 0)));
    if (!section.cgroups_path.empty() && !created.cgroup.exists() && request.cgroup_use != CgroupUse::never)
        created.warnings.push_back(fmt::format("linux.cgroupsPath: '{}' cannot be made (an ordinary user needs a delegated cgroup v2 tree); the container stays in the caller's cgroup", section.cgroups_path));
    if (auto const user = delegate_of(*request.spec); user && created.cgroup.exists()) TRY(created.cgroup.give_to(*user));
    return {};
}

Result<void> restrict_devices_late(CreateRequest const& request, Created const& created) {
    if (!created.cgroup.exists() || !mounts_block_devices(*request.spec)) return {};
    return Cgroup::restrict_devices(cgroup_request(request, created.cgroups_path, 0));
}

Result<void> enter_cgroup(CreateRequest const& request, Created const& created) {
    if (created.scope_unit.empty()) return created.cgroup.add(created.init.pid());
    auto const manager = TRY(own_systemd());
    TRY(attach_to_scope({*request.scope_program, manager, created.scope_unit}, created.cgroups_path, created.init.pid()));
    // Version 1 has trees that systemd does not know.
    return cgroup_version() == CgroupVersion::v2 ? Result<void>() : created.cgroup.add(created.init.pid());
}

Result<void> enter_delegated_group(CreateRequest const& request, Created const& created) {
    auto const name = TRY(parse_annotations(request.spec->annotations)).delegated_group;
    if (name.empty()) return {};
    auto const enter = [&]() -> Result<void> {
        if (cgroup_version() != CgroupVersion::v2) return Error::of(ENOTSUP, "cgroup v1 cannot be delegated");
        if (!created.cgroup.exists()) return Error::of(ENOTSUP, "the container has no cgroup of its own");
        auto const directory = created.cgroup.directories().front() / name;
        TRY(make_directory(directory, 0755));
        auto const group = Cgroup::adopt({directory});
        if (auto const user = delegate_of(*request.spec)) TRY(group.give_to(*user));
        return group.add(created.init.pid());
    };
    return enter().while_doing("annotation 'run.oci.delegate-cgroup'");
}

Result<void> stop_scope_of(CreateRequest const& request, Created const& created) {
    if (created.scope_unit.empty()) return {};
    auto const manager = TRY(own_systemd());
    return stop_scope({*request.scope_program, manager, created.scope_unit});
}

} // namespace bolt::oci
