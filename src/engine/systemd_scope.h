// A control group of one's own from the user's systemd: a transient scope with Delegate=yes. org.freedesktop.systemd1(5),
// https://systemd.io/CGROUP_DELEGATION. sd-bus is loaded only here, since only limits of ordinary users need it.
#pragma once

#include <string_view>

#include <sys/types.h>

#include "base/result.h"

namespace bolt::engine {

// Asks for the scope and moves `pid`, which must be a process of this user, into it; returns when the kernel says that it is
// there. ENOENT when there is no systemd of the user's that could be asked, ETIMEDOUT when it does not do it.
Result<void> move_into_new_scope(pid_t pid, std::string_view unit, std::string_view description);

} // namespace bolt::engine
