// A process in the foreground: its terminal or streams, the signals that are meant for it, its end.
#pragma once

#include "base/result.h"
#include "cli/oci_notify.h"
#include "sys/fd.h"
#include "sys/process.h"
#include "sys/signal_queue.h"

namespace bolt::cli {

// To be called before the process is made: from here on signals are held for it.
Result<SignalQueue> hold_signals();
// Passes signals on until the process has ended. With a terminal (`console` open) the caller's terminal is raw meanwhile, and
// both are copied to each other. `notifications` are passed on, if there are any.
Result<ExitStatus> attend(Process& process, UniqueFd console, SignalQueue& signals, NotifyRelay const* notifications = nullptr);
// How many descriptors beside the standard streams go to the process; ERANGE beyond 1024.
Result<int> parse_descriptor_count(std::string_view text);
// runc's console socket: sends the terminal's master and its name.
Result<void> send_console(std::string const& socket, FdRef console);
// runc's pidfd socket: sends the process's pidfd.
Result<void> send_pidfd(std::string const& socket, FdRef pidfd);

} // namespace bolt::cli
