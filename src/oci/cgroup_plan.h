// What linux.resources means for a cgroup: the files that are to be written, as data. cgroups(7), config-linux.md.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "spec/runtime.h"
#include "sys/device_filter.h"

namespace bolt::oci {

enum class CgroupVersion { none, v1, v2 };

// Which trees there are. On a hybrid host, which counts as version 1, some controllers are in the unified tree.
struct CgroupTrees {
    CgroupVersion version = CgroupVersion::none;
    std::vector<std::string> unified_controllers; // of a hybrid host
    CgroupVersion version_of(std::string_view controller) const;
};

// One file to write: "memory.max", "536870912", and the field it comes from, for the error.
struct CgroupSetting {
    CgroupVersion version = CgroupVersion::v2; // of the tree
    std::string controller;                    // v1: the tree; v2: what must be enabled
    std::string file, value;
    std::string field;
    std::string other_file, other_value; // in its place where the first is not there
    bool only_if_there = false;
    bool operator==(CgroupSetting const&) const = default;
};
// EINVAL and ENOTSUP name the field.
Result<std::vector<CgroupSetting>> plan_cgroup(spec::Resources const& resources, CgroupTrees const& trees);

// Whether rules leave open what none of them names: runc and crun begin with a denial of everything.
bool are_open(std::vector<spec::DeviceRule> const& rules);
// resources.devices for cgroup v2, where they are a program and not files; empty for no rules.
std::vector<DeviceFilterRule> plan_device_filter(std::vector<spec::DeviceRule> const& rules);

} // namespace bolt::oci
