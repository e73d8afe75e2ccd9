// What a container's process executes: config.md, process.args.
#pragma once

#include <string>

#include "base/result.h"
#include "spec/runtime.h"

namespace bolt::oci {

struct Command {
    std::string path; // of args[0], looked up in the environment's PATH
    std::string home; // "HOME=…" of /etc/passwd, or /, as runc and crun have it; "" when the environment says where
};
// In the container, as its user; the working directory is process.cwd. ENOENT and EACCES as the shell has them.
Result<Command> find_command(spec::Process const& process);
// execve(2) of what was found. Returns only with an error, of the same two kinds.
Error execute(spec::Process const& process, Command const& command);

} // namespace bolt::oci
