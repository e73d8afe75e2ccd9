// The control groups that a process is in: cgroups(7), /proc/PID/cgroup.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace bolt {

// One tree's group.
struct CgroupMembership {
    std::vector<std::string> controllers; // version 1: "cpu" and "cpuacct", or "name=systemd"; none: version 2
    std::string path;                     // below the tree's root as the caller sees it: "/user.slice"
    bool is_unified() const { return controllers.empty(); }
    // Whether this is the group in `tree`: a controller of version 1, "systemd" for "name=systemd", "" for version 2.
    bool is_in(std::string_view tree) const;
};

std::vector<CgroupMembership> parse_cgroup_memberships(std::string_view text);
Result<std::vector<CgroupMembership>> cgroup_memberships_of(pid_t pid);
// The calling process's, whatever its pid is called in its pid namespace.
Result<std::vector<CgroupMembership>> own_cgroup_memberships();
// Where systemd has put a process, in the tree of version 2 or version 1's name=systemd, if that path ends so: "/NAME.scope".
Result<std::optional<std::string>> find_cgroup_ending(pid_t pid, std::string_view end);
// The path in the tree of version 2; ENOENT without one.
Result<std::string> unified_cgroup_of(pid_t pid);

} // namespace bolt
