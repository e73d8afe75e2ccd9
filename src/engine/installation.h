// Where this user's bolt keeps things and where its own programs are.
#pragma once

#include "base/result.h"
#include "store/layout.h"
#include "sys/path.h"
#include "sys/users.h"

namespace bolt::engine {

struct Installation {
    store::Layout layout;
    CallingUser user;
    HostPath monitor, transfer, init, scope; // bolt-monitor, bolt-transfer, bolt-init, bolt-scope: beside the running program or in ../libexec/bolt
    HostPath user_namespace_holders;  // layout.runtime / "userns"
};
// ENOENT names the program that is missing and how to install it.
Result<Installation> open_installation();

} // namespace bolt::engine
