// How often the kernel killed in a container's cgroup for its memory limit: cgroup v2's memory.events, v1's memory.oom_control.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace bolt::monitor {

// One line of /proc/PID/cgroup picked for the memory controller, as a path below /sys/fs/cgroup: "memory/bolt/x" or
// "bolt/x"; "" when it is not the container's own, which is one whose path names the container. Pure.
std::string memory_cgroup_of(std::string_view proc_cgroup, std::string_view container_id);
// The number after "oom_kill" in either file; 0 without one. Pure.
std::uint64_t parse_memory_kills(std::string_view text);

struct MemoryEvents {
    std::string path; // below /sys/fs/cgroup

    static MemoryEvents of_process(pid_t pid, std::string_view container_id);
    std::uint64_t kills() const; // 0 when the file is not there
};

} // namespace bolt::monitor
