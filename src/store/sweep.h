// What killed processes left in a store, cleared away by the next pull.
#pragma once

#include "base/result.h"
#include "store/layout.h"

namespace bolt::store {

// Clears away what killed processes left: staging whose lock can be taken, trash, downloads untouched for seven days, layers
// of earlier boots that no image names, containers that were never finished and names of containers that are gone. Failures are returned and change nothing else.
ErrorList sweep(Layout const& layout);

} // namespace bolt::store
