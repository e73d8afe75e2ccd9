// A container's lock, store/containers/ID/lock: held by whoever makes or removes it, and for the whole life of its monitor,
// which inherits the descriptor from the engine that started it. So two monitors of one container cannot be.
#pragma once

#include "base/result.h"
#include "engine/containers.h"
#include "sys/lock.h"

namespace bolt::engine {

// EALREADY when the container runs or is being started; EBUSY when it is being made or removed for longer than two seconds.
// A monitor that is about to end is waited for. ENOENT when the container is gone.
Result<FileLock> lock_stopped_container(Installation const& here, Container const& container);

} // namespace bolt::engine
