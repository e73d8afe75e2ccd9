// Directories of the store that are complete when they are there: filled in store/tmp under a lock, then moved.
#pragma once

#include <functional>

#include "base/result.h"
#include "engine/installation.h"

namespace bolt::engine {

enum class MadeBy { us, somebody_else };

// What a power cut may cost: nothing once it is there, or what its only user can do without.
enum class Keep { safely, loosely };

// `fill` finds an empty directory of mode 0700. Somebody who made the same at the same time is no failure. On failure nothing
// is left.
Result<MadeBy> make_staged_directory(Installation const& here, HostPath const& place, Keep keep, std::function<Result<void>(HostPath const& staging)> const& fill);

} // namespace bolt::engine
