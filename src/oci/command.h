// What a container's process executes: config.md, process.args.
#pragma once

#include <string>

#include "base/result.h"
#include "spec/runtime.h"

namespace bolt::oci {

// The path of args[0], looked up in the environment's PATH; the working directory is process.cwd. ENOENT and EACCES as the shell
// has them.
Result<std::string> find_command(spec::Process const& process);
// execve(2) of what was found. Returns only with an error, of the same two kinds.
Error execute(spec::Process const& process, std::string const& path);

} // namespace bolt::oci
