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

// What runs them: those of the host's side run in the bundle and have the runtime's environment, as in runc. That is not for a program of the image, whose
// hooks have the container's process's.
struct HookPlace {
    std::optional<HostPath> directory;                   // absent: where the caller is
    std::optional<std::vector<std::string>> environment; // of a hook that names none; absent: the caller's
};
// Where hooks print: files that annotations name, else what they print is kept for the error alone.
struct HookOutput {
    UniqueFd output, error;
};
// Both are appended to, and made with mode 0644 when they are missing.
Result<HookOutput> open_hook_output(Annotations const& annotations);

// In order, each to its end; the first that fails ends it. The error is always ECANCELED, which says that the container must go
// (runtime.md, lifecycle), names the hook and shows the end of what it printed.
Result<void> run_hooks(std::string_view kind, std::vector<spec::Hook> const& hooks, std::string const& state, HookOutput const& printed, HookPlace const& place);
// All of them, whatever fails.
ErrorList run_all_hooks(std::string_view kind, std::vector<spec::Hook> const& hooks, std::string const& state, HookOutput const& printed, HookPlace const& place);

} // namespace bolt::oci
