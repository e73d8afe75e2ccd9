// Signals that end a process, for commands that have something to take back first.
#pragma once

namespace bolt::cli {

// From here on SIGINT, SIGTERM and SIGHUP only ask for the end, and a reader that has gone is an error like others.
void expect_interrupts();
// One of them came.
bool is_interrupted();

} // namespace bolt::cli
