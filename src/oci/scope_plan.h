// A container's cgroup as a scope of systemd's: its name and its properties, as data. systemd.resource-control(5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "oci/cgroup_plan.h"
#include "spec/runtime.h"
#include "sys/systemd.h"

namespace bolt::oci {

struct ScopeName {
    std::string slice, unit; // "machine.slice", "libpod-abc.scope"
};
// linux.cgroupsPath as runc has it with systemd, "SLICE:PREFIX:NAME"; "" is bolt-<id> in the manager's usual slice. EINVAL for another
// form.
Result<ScopeName> parse_scope_name(std::string_view cgroups_path, std::string_view id, SystemdManager manager);

// What systemd is to know of the limits, so that it does not take them back; the others are written to the cgroup's files.
// Annotations org.systemd.property.NAME are taken over: EINVAL for a value that is no boolean,
// number or text in quotes.
Result<std::vector<UnitProperty>> plan_scope(spec::Resources const& resources, CgroupVersion version);
Result<std::vector<UnitProperty>> properties_of_annotations(std::vector<std::pair<std::string, std::string>> const& annotations);

// For the program that speaks to systemd: [{"name": "Slice", "type": "s", "value": "system.slice"}, …].
Json to_json(std::vector<UnitProperty> const& properties);
Result<std::vector<UnitProperty>> parse_properties(Json const& document);

} // namespace bolt::oci
