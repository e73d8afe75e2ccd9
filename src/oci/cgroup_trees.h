// The host's cgroup trees, and one directory in them: where it goes, how it is made and written to. For oci/cgroups.h alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "oci/cgroup_plan.h"
#include "oci/cgroups.h"
#include "sys/path.h"

namespace bolt::oci {

HostPath const& cgroup_top(); // where all of them are mounted
CgroupTrees trees_of_host();
// A tree is named by its controller of version 1, or "" for version 2's only one.
HostPath top_of(std::string_view tree);
// Two controllers may be in one tree, which then has two names.
bool is_same_directory(HostPath const& one, HostPath const& other);
// The trees that hold something of these settings.
std::vector<std::string> trees_for(std::vector<CgroupSetting> const& settings, CgroupVersion version);

// Where the cgroup goes in its tree: a path from its top. EINVAL names linux.cgroupsPath.
enum class Caller { host_root, ordinary_user };
Result<std::string> place(std::string_view wanted, std::string_view id, std::string_view tree, Caller caller);

// Makes it, when nobody but `expected` is in it; whether it was made: a tree that the host does not have is passed over where no
// setting needs it. EBUSY and ENOTSUP name the field.
enum class TreeUse { needed, when_there };
Result<bool> make_directory_of_group(HostPath const& directory, std::string_view tree, std::vector<CgroupSetting> const& settings, TreeUse use, pid_t expected = 0);
// A new cpuset of v1 has neither CPUs nor memory nodes, and nobody can enter it: takes the parent's, all the way down.
Result<void> inherit_cpuset(HostPath const& tree_top, HostPath const& directory);
// v2: a controller's files appear in a cgroup when all its ancestors enable it for their children.
void enable_controllers(HostPath const& tree_top, HostPath const& directory, std::vector<std::string> const& wanted, Ancestors whose);
Result<void> write_settings(HostPath const& directory, std::string_view tree, std::vector<CgroupSetting> const& settings, Ancestors ancestors);

// The processes of a cgroup and of those below it.
void collect_processes(HostPath const& directory, std::vector<pid_t>& pids);

} // namespace bolt::oci
