// A container in the foreground: what run, start -a and attach have in common.
#pragma once

#include "cli/attach_client.h"
#include "engine/containers.h"

namespace bolt::cli {

enum class Signals { to_container, to_client };

// Says docker's sentence and answers with its exit code.
int refuse_without_terminal();

// Starts the container and relays until it ends; the exit code is the container's, or why it was not started.
Result<int> run_attached(engine::Installation const& here, engine::Container const& container, RelayOptions const& options, Signals signals);
// The same for one that runs.
Result<int> attach(engine::Installation const& here, engine::Container const& container, RelayOptions const& options, Signals signals);

} // namespace bolt::cli
