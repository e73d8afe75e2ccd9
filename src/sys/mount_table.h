// The mounts that the calling process sees: proc_pid_mountinfo(5).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"

namespace bolt {

struct MountEntry {
    std::uint64_t id = 0, parent = 0;
    std::string place;        // its mount point as seen from the process's root directory
    std::string type;         // of the file system
    std::string file_system_options; // "rw,size=64k": the file system's, whatever the mount itself adds
};

// Pure. EINVAL for a line that is not mountinfo's.
Result<std::vector<MountEntry>> parse_mount_table(std::string_view text);
Result<std::vector<MountEntry>> read_mount_table();

// The mount that a descriptor (also O_PATH) is in: "mnt_id" of proc_pid_fdinfo(5).
Result<std::uint64_t> mount_id_of(FdRef fd);

} // namespace bolt
