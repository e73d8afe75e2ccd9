// Network interfaces as rtnetlink(7) has them.
#pragma once

#include <string>

#include "base/result.h"
#include "sys/fd.h"

namespace bolt {

// Moves an interface of the calling process's network namespace into another, under a name of its own there, and brings it up. "%d" in the
// name is the first number that makes it free. Its
// permanent addresses of global scope, which the kernel drops, are given back. ENODEV when there is none of the name, EEXIST when the
// new name is taken there, EPERM without CAP_NET_ADMIN over both namespaces. Only in a process without threads.
Result<void> move_interface(std::string const& name, FdRef network_namespace, std::string const& wanted);

} // namespace bolt
