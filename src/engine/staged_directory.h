// Directories of the store that are complete when they are there: filled in store/tmp under a lock, then moved.
#pragma once

#include <functional>

#include "base/result.h"
#include "engine/installation.h"

namespace bolt::engine {

enum class MadeBy { us, somebody_else };

// `fill` finds an empty directory of mode 0700. Somebody who made the same at the same time is no failure. On failure nothing
// is left.
Result<MadeBy> make_staged_directory(Installation const& here, HostPath const& place, std::function<Result<void>(HostPath const& staging)> const& fill);

} // namespace bolt::engine
