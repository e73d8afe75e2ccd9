// Which devices the processes of a version 2 cgroup may use: bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/path.h"

namespace bolt {

// One row of the filter. The last row that matches decides; a request that none matches is allowed.
struct DeviceFilterRule {
    enum class Kind : std::uint32_t { any = 0, block = 1, character = 2 };
    bool allow = false;
    Kind kind = Kind::any;
    std::int64_t major = -1, minor = -1; // -1: all
    std::uint32_t access = 7;            // 1 mknod, 2 read, 4 write
};

// The program's instructions, 8 bytes each; pure.
std::vector<std::uint64_t> make_device_filter(std::span<DeviceFilterRule const> rules);
// EPERM without CAP_BPF (or CAP_SYS_ADMIN) on the host. The filter ends with the cgroup.
Result<void> attach_device_filter(HostPath const& cgroup, std::vector<std::uint64_t> const& program);

// Whether this process's user namespace is the host's first: what the kernel means by privileged.
Result<bool> in_initial_user_namespace();

} // namespace bolt
