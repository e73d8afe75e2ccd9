// What a monitor and its clients say to each other, over SEQPACKET (sys/channel.h): the channel that the engine makes when it
// starts the monitor, and run/containers/<id>/control.sock, where any number of clients of the same user may connect.
//
//   engine / client                        monitor                              container
//   ───────────────                        ───────                              ─────────
//   spawn, memfd with the Request ───────►
//                                          userns, listeners, netns, overlay ─►  init waits
//   ◄──────────────────────── created      (or failed: code, text)
//   start ───────────────────────────────►  exec                             ──►  command runs
//   ◄──────────────────────── started      (or failed)
//   attach ──────────────────────────────►
//   input, input_end, resize, signal ────►  pty or pipe, kill(2)
//   ◄──────────── output, error_output      also written to the log
//   ◄────────────────────────── exited      the exit record is on disk by then
//
// Every message is one byte of Type, then its payload: JSON where named, raw bytes for streams.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "monitor/request.h"
#include "monitor/state.h"
#include "sys/channel.h"

namespace bolt::monitor {

enum class Type : char {
    // To the monitor.
    start = 's',       // run what was created
    attach = 'a',      // from here on this client gets output and its input goes in; JSON {"input":bool,"output":bool}
    input = 'i',       // raw bytes for stdin
    input_end = 'e',   // stdin is at its end
    resize = 'w',      // JSON {"rows":n,"columns":n}
    signal = 'k',      // JSON {"signal":n}: to the container's init
    stop = 'x',        // JSON {"signal":n,"timeout_ms":n}, both optional: signal, then SIGKILL; sets stopped_by_user
    restart = 'r',     // JSON as stop: stop, then start again in the same monitor
    exec = 'c',        // JSON ExecRequest; without a terminal three descriptors come with it: the tenant's stdin, stdout, stderr
    wait = 'q',        // answered by `exited` when init has ended and will not be restarted; at once if it has
    // From the monitor.
    created = 'C',     // JSON {"warnings":["…"]}
    started = 'S',     // JSON {"pid":n}
    output = 'O',      // raw bytes of stdout (or of the terminal)
    error_output = 'E',// raw bytes of stderr
    exited = 'D',      // JSON State
    exec_started = 'T',// JSON {"pid":n}; with a terminal, the pty's master comes with it: the client relays it itself
    exec_exited = 'U', // JSON {"exit_code":n}
    done = 'Y',        // signal, stop, restart: done
    failed = 'F',      // JSON {"code":errno,"text":"…","exit_code":n}: 125, 126 or 127 as docker's
};

struct Incoming {
    Type type;
    std::string payload;
    std::vector<UniqueFd> descriptors;
};
Result<void> send(Channel const& channel, Type type, std::string_view payload = {}, std::span<int const> descriptors = {});
// None when the other end is gone.
Result<std::optional<Incoming>> receive(Channel const& channel);

// Connects to a container's monitor. ESRCH when none is running.
Result<Channel> connect_to_monitor(HostPath const& run_directory);
// The monitor's side: a non-blocking SEQPACKET listener at run_directory/control.sock, mode as the umask says.
Result<UniqueFd> listen_for_clients(HostPath const& run_directory);

} // namespace bolt::monitor
