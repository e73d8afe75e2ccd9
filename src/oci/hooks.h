// Hooks: programs that config.json wants run at points of the lifecycle, with the container's state on standard input.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/annotations.h"
#include "spec/runtime.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt::oci {

// Where they run: the bundle for those of the runtime's namespaces, as in runc; absent: where the caller is.
using HookDirectory = std::optional<HostPath>;
// Where hooks print: files that annotations name, else what they print is kept for the error alone.
struct HookOutput {
    UniqueFd output, error;
};
// Both are appended to, and made with mode 0644 when they are missing.
Result<HookOutput> open_hook_output(Annotations const& annotations);

// In order, each to its end; the first that fails ends it. The error is always ECANCELED, which says that the container must go
// (runtime.md, lifecycle), names the hook and shows the end of what it printed.
Result<void> run_hooks(std::string_view kind, std::vector<spec::Hook> const& hooks, std::string const& state, HookOutput const& printed, HookDirectory const& directory);
// All of them, whatever fails.
ErrorList run_all_hooks(std::string_view kind, std::vector<spec::Hook> const& hooks, std::string const& state, HookOutput const& printed, HookDirectory const& directory);

} // namespace bolt::oci
