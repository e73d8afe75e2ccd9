// The calling process's network namespace: network_namespaces(7), netdevice(7).
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/socket.h"

namespace bolt {

// unshare(CLONE_NEWNET). EPERM without CAP_SYS_ADMIN in the user namespace, ENOSPC at user.max_net_namespaces.
Result<void> enter_new_network_namespace();
// Sets IFF_UP on `lo`, which gives it 127.0.0.1 and ::1.
Result<void> bring_loopback_up();
// Every address of every interface that is up, loopback's too, in the kernel's order.
Result<std::vector<IpAddress>> own_addresses();

} // namespace bolt
