// What killed processes left in a store, cleared away by the next pull.
#pragma once

#include "base/result.h"
#include "store/layout.h"

namespace bolt::store {

// Clears away what killed processes left: staging whose lock can be taken, trash, downloads untouched for seven days, layers
// that no image names, containers that were never finished and names of containers that are gone. Failures are returned and change nothing else.
// `unfinished` is about layers of this boot that no image came to name: a pull that was killed finds them again when they stay.
enum class Layers { stay, go };
ErrorList sweep(Layout const& layout, Layers unfinished);

} // namespace bolt::store
