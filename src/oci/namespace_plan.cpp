#include "oci/namespace_plan.h"

#include <algorithm>

#include "sys/file.h"
#include "sys/namespaces.h"

namespace bolt::oci {

unsigned long flag_of(spec::NamespaceType type) {
    switch (type) {
    case spec::NamespaceType::pid: return namespace_flag::pid;
    case spec::NamespaceType::network: return namespace_flag::network;
    case spec::NamespaceType::mount: return namespace_flag::mount;
    case spec::NamespaceType::ipc: return namespace_flag::ipc;
    case spec::NamespaceType::uts: return namespace_flag::uts;
    case spec::NamespaceType::user: return namespace_flag::user;
    case spec::NamespaceType::cgroup: return namespace_flag::cgroup;
    case spec::NamespaceType::time: return namespace_flag::time;
    }
    return 0;
}

unsigned long flags_of(spec::Linux const& section) {
    unsigned long flags = 0;
    for (auto const& entry : section.namespaces) flags |= flag_of(entry.type);
    return flags;
}

Result<NamespacePlan> plan_namespaces(spec::Linux const& section) {
    NamespacePlan plan;
    // The root of a new user namespace has no privilege over what was there before it: that is joined first, by who makes it.
    bool const makes_user_namespace = section.makes(spec::NamespaceType::user);
    for (auto const& entry : section.namespaces) {
        auto const flag = flag_of(entry.type);
        bool const early = flag == namespace_flag::pid || flag == namespace_flag::time || makes_user_namespace;
        if (entry.path.empty())
            (flag == namespace_flag::cgroup || flag == namespace_flag::time ? plan.made_by_init : plan.made_by_clone) |= flag;
        else if (flag == namespace_flag::user)
            plan.joined_before.insert(plan.joined_before.begin(), {flag, entry.path}); // it gives the privilege over the others
        else
            (early ? plan.joined_before : plan.joined_by_init).emplace_back(flag, entry.path);
    }
    for (auto const& [clock, offset] : {std::pair("monotonic", section.monotonic_offset), std::pair("boottime", section.boottime_offset)})
        if (offset) plan.clocks.push_back({clock, offset->seconds, offset->nanoseconds});
    if (!plan.clocks.empty() && !plan.makes(namespace_flag::time)) return Error::of(EINVAL, "linux.timeOffsets needs a new namespace of type 'time' in linux.namespaces");
    for (auto const& map : section.uid_mappings) plan.mappings.users.push_back({map.container_id, map.host_id, map.size});
    for (auto const& map : section.gid_mappings) plan.mappings.groups.push_back({map.container_id, map.host_id, map.size});
    return plan;
}

namespace {

// namespaces(7), ipc_namespaces(7), uts_namespaces(7).
std::optional<spec::NamespaceType> find_owner(std::string_view name) {
    constexpr std::string_view ipc[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};
    if (name.starts_with("net.")) return spec::NamespaceType::network;
    if (name.starts_with("fs.mqueue.") || std::find(std::begin(ipc), std::end(ipc), name) != std::end(ipc)) return spec::NamespaceType::ipc;
    if (name == "kernel.domainname" || name == "kernel.hostname") return spec::NamespaceType::uts;
    if (name.starts_with("user.")) return spec::NamespaceType::user;
    return std::nullopt;
}

// A path may lead back to the namespace that the caller is in.
Result<bool> is_own(spec::Namespace const& entry) {
    if (entry.path.empty()) return false;
    auto const type = entry.type == spec::NamespaceType::network ? "net" : to_text(entry.type);
    auto const own = TRY(stat_file(TRY(HostPath::parse(fmt::format("/proc/self/ns/{}", type)))));
    auto const joined = TRY(stat_file(TRY(HostPath::parse(entry.path).while_doing("linux.namespaces"))).while_doing("linux.namespaces"));
    return own.st_dev == joined.st_dev && own.st_ino == joined.st_ino;
}

} // namespace

Result<void> check_sysctls(spec::Linux const& section) {
    for (auto const& [name, value] : section.sysctl) {
        // "net/ipv4/ip_forward" is the same: sysctl(8).
        std::string dotted = name;
        std::replace(dotted.begin(), dotted.end(), '/', '.');
        // "net/../kernel/x" would be written where it leads.
        if (dotted.find("..") != dotted.npos || dotted.starts_with('.') || dotted.ends_with('.')) return Error::of(EINVAL, "linux.sysctl: '{}' is not a name", name);
        auto const owner = find_owner(dotted);
        if (!owner) return Error::of(EINVAL, "linux.sysctl: '{}' is not a container's own: the whole host would be changed", name);
        auto const* const entry = section.find(*owner);
        if (!entry) return Error::of(EINVAL, "linux.sysctl: '{}' needs a namespace of type '{}' in linux.namespaces", name, to_text(*owner));
        if (TRY(is_own(*entry)))
            return Error::of(EINVAL, "linux.sysctl: '{}' would change the host: the namespace '{}' in linux.namespaces is the caller's own", name, entry->path);
    }
    return {};
}

} // namespace bolt::oci
