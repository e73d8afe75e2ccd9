// Commands that do one thing to each of several objects: stop, start, rm, rmi …
#pragma once

#include <functional>
#include <string>

#include "cli/command.h"
#include "engine/containers.h"

namespace bolt::cli {

// Finds each container and calls `act`. What worked is printed as it was written, what did not is said on standard error, and
// the exit code is 1 when anything did not.
using ContainerAction = std::function<Result<void>(engine::Installation const&, engine::Container const&)>;
Result<int> for_each_container(Words const& names, ContainerAction const& act);
// The same for actions that take their time: one process each, at once. They print in the order of the words.
Result<int> for_all_containers_at_once(Words const& names, ContainerAction const& act);

} // namespace bolt::cli
