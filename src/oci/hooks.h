// Hooks: programs that config.json wants run at points of the lifecycle, with the container's state on standard input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "spec/runtime.h"

namespace bolt::oci {

// In order, each to its end; the first that fails ends it. The error names the hook and shows the end of what it printed.
Result<void> run_hooks(std::string_view kind, std::vector<spec::Hook> const& hooks, std::string const& state);
// All of them, whatever fails.
ErrorList run_all_hooks(std::string_view kind, std::vector<spec::Hook> const& hooks, std::string const& state);

} // namespace bolt::oci
