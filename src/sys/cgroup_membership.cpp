#include "sys/cgroup_membership.h"

#include <algorithm>

#include "base/text.h"
#include "sys/file.h"

namespace bolt {

bool CgroupMembership::is_in(std::string_view tree) const {
    if (is_unified()) return tree.empty();
    return std::ranges::any_of(controllers, [&](std::string_view name) { return name == tree || (name.starts_with("name=") && name.substr(5) == tree); });
}

std::vector<CgroupMembership> parse_cgroup_memberships(std::string_view text) {
    std::vector<CgroupMembership> memberships;
    for (auto const line : split(text, '\n')) {
        auto const [number, rest, has_rest] = cut(line, ':');
        auto const [controllers, path, has_path] = cut(rest, ':');
        if (!has_rest || !has_path) continue;
        CgroupMembership membership{{}, std::string(path)};
        if (number != "0" || !controllers.empty())
            for (auto const name : split(controllers, ',')) membership.controllers.emplace_back(name);
        memberships.push_back(std::move(membership));
    }
    return memberships;
}

Result<std::vector<CgroupMembership>> cgroup_memberships_of(pid_t pid) {
    return parse_cgroup_memberships(TRY(read_file(TRY(HostPath::parse(fmt::format("/proc/{}/cgroup", pid))))));
}

Result<std::vector<CgroupMembership>> own_cgroup_memberships() { return parse_cgroup_memberships(TRY(read_file(TRY(HostPath::parse("/proc/self/cgroup"))))); }

Result<std::optional<std::string>> find_cgroup_ending(pid_t pid, std::string_view end) {
    for (auto& membership : TRY(cgroup_memberships_of(pid))) {
        bool const is_systemds = membership.is_unified() || membership.controllers.front() == "name=systemd";
        if (is_systemds && membership.path.ends_with(end)) return std::optional(std::move(membership.path));
    }
    return std::optional<std::string>();
}

Result<std::string> unified_cgroup_of(pid_t pid) {
    for (auto& membership : TRY(cgroup_memberships_of(pid)))
        if (membership.is_unified()) return std::move(membership.path);
    return Error::of(ENOENT, "process {} is in no cgroup of version 2", pid);
}

} // namespace bolt
