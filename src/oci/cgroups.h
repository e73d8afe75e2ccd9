// A container's cgroup: cgroup v2 (one tree), v1 (a tree a controller) and hybrid hosts. cgroups(7).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "oci/cgroup_plan.h"
#include "spec/runtime.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt::oci {

enum class CgroupUse {
    never,         // as the caller's
    when_possible, // its own if the host allows; an error only when the document has limits
    counted,       // the same, and everything is counted that can be: whoever looks at it later finds usage from the beginning, and limits that come later count all of it
    in_every_tree, // the same on every tree of version 1: for a container that can write to what it is shown of them
};

// What is mounted at /sys/fs/cgroup. A hybrid host, whose v2 tree has few controllers or none, is v1.
CgroupVersion cgroup_version();

// Whose the cgroups above a container's are: systemd enables controllers in its own.
enum class Ancestors { ours, systemds };

struct CgroupRequest {
    // linux.cgroupsPath: absolute ones from the trees' roots, relative ones from the caller's own cgroup; "" is /bolt/<id>, or
    // bolt-<id> below the caller's own cgroup for an ordinary user.
    std::string_view path, id;
    spec::Resources const& resources;
    CgroupUse use = CgroupUse::when_possible;
    bool devices_later = false; // restrict_devices() follows
    pid_t scope_holder = 0; // systemd made the cgroup, and this process holds it meanwhile
};

class Cgroup {
public:
    Cgroup() = default;
    // Makes the directories and writes the settings.
    static Result<Cgroup> make(CgroupRequest const& request);
    // The rules for devices, of the same request.
    static Result<void> restrict_devices(CgroupRequest const& request);
    // Removes what a make() with the same request left that was killed half way: empty directories.
    static void remove_remains(CgroupRequest const& request);
    // What make() returned elsewhere, by its paths.
    static Cgroup adopt(std::vector<HostPath> directories);

    bool exists() const { return !directories_.empty(); }
    std::vector<HostPath> const& directories() const { return directories_; } // one a tree that is used
    // For CLONE_INTO_CGROUP: open only on v2.
    FdRef birthplace() const { return birthplace_; }
    void use_no_birthplace() { birthplace_.close(); }
    Result<void> add(pid_t pid) const;
    // Moves the calling process, which has one thread. On version 1 it costs a tenth of add(): the kernel lets a thread move itself
    // through "tasks" without waiting until no process of the host is being forked or ended.
    Result<void> enter() const;
    // The same, where only the part of it that `member` is in takes processes.
    Result<void> enter_beside(pid_t member) const;
    // Version 2: lets a user divide it, cgroups(7), delegation.
    Result<void> give_to(uid_t user) const;
    std::vector<pid_t> members() const; // of the first tree, sub-cgroups included
    // Stops every process of it, and lets them go on: cgroup.freeze, or on v1 the freezer's tree, which the members enter when they
    // are frozen first. ETIMEDOUT when one cannot be stopped. ENOTSUP when the container has no cgroup of its own.
    Result<void> freeze();
    // The freezer's directory of version 1 that a freeze() has made which was killed before it was written down: found by its name.
    static std::vector<HostPath> with_left_freezer(std::vector<HostPath> directories);
    Result<void> thaw() const;
    bool is_frozen() const;
    // Writes limits, also ones of trees that the container was not in so far: its members enter them. EBUSY when checkBeforeUpdate
    // asks and more memory is used than is left; ENOTSUP as for freeze(). Rules for devices stay as they are. `before_writing` tells
    // systemd, which makes the files there are. After any failure, its too, the files say again what they said.
    Result<void> limit(spec::Resources const& resources, Ancestors ancestors, std::function<Result<void>()> const& before_writing);
    // SIGKILL to all: cgroup.kill (Linux 5.14), or until nobody is left.
    void kill_all() const;
    // False when a process or a cgroup below is left: the ordinary end of a container leaves none.
    bool remove_if_empty();
    ErrorList remove();

private:
    Result<void> make_directories(CgroupRequest const& request, std::vector<std::pair<std::string, HostPath>> const& wanted, std::vector<std::string> const& needed, std::vector<CgroupSetting> const& settings);
    Result<void> make_birthplace(CgroupRequest const& request);
    // The container's directory in a tree, made and entered by all members when there is none yet.
    Result<HostPath> directory_in(std::string_view tree, std::vector<CgroupSetting> const& settings);
    std::vector<HostPath> directories_;
    UniqueFd birthplace_;
};

} // namespace bolt::oci
