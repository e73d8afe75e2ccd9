// What a container's process executes: config.md, process.args.
#pragma once

#include <string>

#include "base/result.h"
#include "spec/runtime.h"

namespace bolt::oci {

// execve(2) of args[0], looked up in the environment's PATH. Returns only with an error: ENOENT and EACCES as the shell has them.
Error execute(spec::Process const& process);
// What execute() would find, without executing: for telling early.
Result<std::string> find_command(spec::Process const& process);

} // namespace bolt::oci
