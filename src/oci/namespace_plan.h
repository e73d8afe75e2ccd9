// Which namespaces a container gets, and who makes or joins each. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "spec/runtime.h"
#include "sys/namespaces.h"
#include "sys/user_namespace.h"

namespace bolt::oci {

struct NamespacePlan {
    unsigned long made_by_clone = 0;
    // Where a cgroup namespace is made is its root: init is placed first, then makes it. A time namespace's clocks are set before
    // anybody is in it.
    unsigned long made_by_init = 0;
    // {flag, path}. User, pid and time namespaces are joined by a process in between, which then clones init: what init makes
    // must belong to the user namespace, and only children enter a pid namespace.
    std::vector<std::pair<unsigned long, std::string>> joined_before, joined_by_init;
    IdMappings mappings; // for a new user namespace
    std::vector<ClockOffset> clocks; // for a new time namespace

    bool makes(unsigned long flag) const { return ((made_by_clone | made_by_init) & flag) != 0; }
};

Result<NamespacePlan> plan_namespaces(spec::Linux const& section);
// namespaces(7)'s flag of a type.
unsigned long flag_of(spec::NamespaceType type);
// All that the document lists: what a tenant joins.
unsigned long flags_of(spec::Linux const& section);

// linux.sysctl: EINVAL for one that is not a container's own, because the kernel has it once, or its namespace is the host's.
Result<void> check_sysctls(spec::Linux const& section);

} // namespace bolt::oci
