// The container's root file system, performed inside its new mount namespace.
#pragma once

#include "base/result.h"
#include "oci/container.h"
#include "oci/sources.h"
#include "spec/runtime.h"
#include "sys/root.h"

namespace bolt::oci {

// Cuts the mount namespace off from the host's, then puts the root file system in place (not entered yet).
Result<Root> attach_rootfs(CreateRequest const& request, Sources const& sources);
// /dev/console is the terminal's other end.
Result<void> bind_console(Root const& root, FdRef terminal);
// "make the root read-only", and its propagation as config.json says; after enter_root_for_good.
Result<void> finish_root(spec::Runtime const& spec);

} // namespace bolt::oci
