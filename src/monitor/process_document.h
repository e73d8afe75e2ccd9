// The runtime specification's `process` object for a tenant: the container's own, changed by what exec asks for. Pure.
#pragma once

#include "base/json.h"
#include "monitor/request.h"
#include "monitor/user.h"

namespace bolt::monitor {

// `spec` is the container's config.json. A privileged tenant gets every capability up to `last_capability` (a number of
// capabilities(7); /proc/sys/kernel/cap_last_cap), and may gain more.
Result<Json> tenant_process(Json const& spec, ExecRequest const& request, ContainerUser const& user, unsigned last_capability);
// The running kernel's.
unsigned last_capability_of_kernel();

} // namespace bolt::monitor
