// One question to a container's monitor and its answer.
#pragma once

#include <string_view>

#include "base/result.h"
#include "engine/containers.h"
#include "monitor/messages.h"
#include "monitor/state.h"

namespace bolt::engine {

// The container's run directory: state.json, control.sock, the three host files.
HostPath run_directory_of(Installation const& here, Container const& container);

// monitor::find_state. A monitor whose files were removed while it runs, as the lock's file tells, is asked to make them again: EIO
// when it cannot.
Result<std::optional<monitor::State>> find_run(store::Layout const& layout, Record const& record);

// "container 'web'".
std::string title_of(Container const& container);

// A container whose monitor was killed, and whose init was not ended with it, is nobody's: init gets SIGKILL.
Result<void> end_orphan(monitor::State const& state);

// Sends and waits for an answer of the wanted type; other messages (output) are passed over. The monitor's `failed` is this
// call's error; ESRCH when it ends without an answer.
Result<std::string> await(Channel const& channel, monitor::Type wanted);
Result<std::string> ask(Channel const& channel, monitor::Type question, std::string_view payload, monitor::Type wanted);

// The error in a `failed` message, and docker's exit code with it.
struct Failure {
    Error error;
    int exit_code;
};
Failure parse_failure(std::string_view payload);

} // namespace bolt::engine
