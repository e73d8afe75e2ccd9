// How often the kernel killed in a container's cgroup for its memory limit: cgroup v2's memory.events, v1's memory.oom_control.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "sys/cgroup_membership.h"
#include "sys/path.h"

namespace bolt::oci {

// The cgroup that has the memory controller, as its directory: "/sys/fs/cgroup/memory/bolt/x",
// "/sys/fs/cgroup/bolt/x"; none when it is not the container's own, which is one whose path names the container. Pure.
std::optional<HostPath> memory_cgroup_of(std::vector<CgroupMembership> const& memberships, std::string_view container_id);
// The number after "oom_kill" in either file; 0 without one. Pure.
std::uint64_t parse_memory_kills(std::string_view text);
// The path below a hierarchy's root that a cgroup's directories (one a tree) stand for: "/bolt/x"; "" without any. Pure.
std::string cgroup_path_of(std::vector<HostPath> const& directories);

struct MemoryEvents {
    std::optional<HostPath> directory;

    static MemoryEvents of_process(pid_t pid, std::string_view container_id);
    static MemoryEvents of_directories(std::vector<HostPath> const& directories);
    std::uint64_t kills() const; // 0 when nobody counts
};

} // namespace bolt::oci
