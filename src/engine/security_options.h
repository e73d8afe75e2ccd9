// What --security-opt says.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace bolt::engine {

enum class SeccompChoice { standard, unconfined, file };

struct SecurityOptions {
    SeccompChoice seccomp = SeccompChoice::standard;
    std::string seccomp_file;
    std::optional<bool> no_new_privileges;
    std::vector<std::string> masked, unmasked; // absolute paths; unmasked may hold "ALL"
};

// seccomp=unconfined|builtin|FILE, no-new-privileges[=true|=false] (docker also writes ':'), mask=PATH[:PATH], unmask=ALL|PATH[:PATH],
// systempaths=unconfined, label=… and apparmor=unconfined (this bolt sets no label and no profile, so both are the way it is).
// EINVAL in one sentence for anything else.
Result<SecurityOptions> parse_security_options(std::vector<std::string> const& texts);

// What a container must not read, and what it must not write: docker's lists.
struct HiddenPaths {
    std::vector<std::string> masked, read_only;
};
HiddenPaths hidden_paths(SecurityOptions const& options);

} // namespace bolt::engine
