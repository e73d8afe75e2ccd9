// A container's cgroup: cgroups(7), version 1, 2 and both side by side (hybrid). The plan is oci/cgroup_plan.h's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "sys/path.h"

namespace bolt::oci {

// The directories that hold a container's processes: one on version 2, one a hierarchy in use on version 1.
class Cgroup {
public:
    enum class Version { v1, v2 };
    struct Directory {
        HostPath path;        // below /sys/fs/cgroup
        Version version = Version::v2;
        std::string controllers; // "memory", "cpu,cpuacct"; "" for a version 2 directory
    };

    Cgroup() = default; // none: nothing was asked for and no place is delegated
    explicit Cgroup(std::vector<Directory> directories) : directories_(std::move(directories)) {}
    static Result<Cgroup> parse(Json const& document); // as to_json() writes it
    Json to_json() const;

    bool exists() const { return !directories_.empty(); }
    std::vector<Directory> const& directories() const { return directories_; }
    Directory const* find_v2() const;
    Directory const* find_controller(std::string_view controller) const;

    // Moves a process of ours in. None of the directories existing is no success.
    Result<void> add(pid_t pid) const;
    // The processes inside, those of cgroups below included.
    Result<std::vector<pid_t>> processes() const;
    // SIGKILL to all of them: cgroup.kill (Linux 5.14), else frozen, killed one by one, thawed.
    Result<void> kill_all() const;
    Result<void> signal_all(int signal) const;
    // Returns when every process stands still or runs again; ENOTSUP without freezer.
    enum class Motion { frozen, running };
    Result<void> set_motion(Motion motion) const;
    Result<Motion> motion() const;
    // How many processes the kernel killed for the memory limit; 0 where nobody counts.
    std::uint64_t memory_kills() const;
    // The directories and those below them; EBUSY when processes stay. Waits a moment for the dying.
    ErrorList remove();

private:
    std::vector<Directory> directories_;
};

} // namespace bolt::oci
