// The cgroup that a new container gets: a directory that this process makes, or a scope that systemd makes.
#pragma once

#include <optional>

#include "base/result.h"
#include "oci/container.h"
#include "oci/scope.h"

namespace bolt::oci {

// Into created.cgroup and created.scope_unit. The scope lasts while `scope` is held, until a process of the container's is in it.
Result<void> make_cgroup(CreateRequest const& request, Created& created, std::optional<Scope>& scope);
// What the document makes of what the caller wants.
CgroupUse cgroup_use_of(spec::Runtime const& spec, CgroupUse wanted);
// The kernel asks the rules for devices also when init mounts one: then they are set when it has.
bool mounts_block_devices(spec::Runtime const& spec);
Result<void> restrict_devices_late(CreateRequest const& request, Created const& created);
// Moves init into it.
Result<void> enter_cgroup(CreateRequest const& request, Created const& created);
// Moves init on into run.oci.delegate-cgroup, once its cgroup namespace begins at the container's cgroup.
Result<void> enter_delegated_group(CreateRequest const& request, Created const& created);
Result<void> stop_scope_of(CreateRequest const& request, Created const& created);

} // namespace bolt::oci
