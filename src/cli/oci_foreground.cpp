#include "cli/oci_foreground.h"

#include <csignal>

#include <poll.h>

#include "base/text.h"
#include "cli/oci_console.h"
#include "sys/channel.h"
#include "sys/terminal.h"
#include "sys/unix_socket.h"

namespace bolt::cli {

Result<SignalQueue> hold_signals() {
    signal(SIGPIPE, SIG_IGN); // nobody may want what the container prints: it is waited for all the same
    // The others are this process's own: its children's ends, and its place among the terminal's jobs.
    return SignalQueue::open_all_but({SIGCHLD, SIGPIPE, SIGTTIN, SIGTTOU});
}

namespace {

void follow_window(FdRef console) {
    if (auto const size = window_size(FdRef(0)); size) (void)set_window_size(console, size.value()).ok(); // the terminal may be gone, ignoring
}

void pass_on(SignalQueue& signals, Process const& process, FdRef console) {
    while (auto const signal = signals.next()) {
        if (*signal == SIGWINCH && console.is_open()) follow_window(console);
        else (void)process.kill(*signal).ok(); // it ended a moment ago, ignoring
    }
}

} // namespace

Result<ExitStatus> attend(Process& process, UniqueFd console, SignalQueue& signals, NotifyRelay const* notifications) {
    std::optional<RawTerminal> raw;
    if (console.is_open() && is_terminal(FdRef(0))) {
        follow_window(console);
        raw.emplace(TRY(RawTerminal::enter(FdRef(0))));
    }
    auto relay = TRY(ConsoleRelay::begin(std::move(console)));
    for (;;) {
        auto const streams = relay.watched();
        pollfd watched[] = {streams[0], streams[1], streams[2], {process.pidfd().number(), POLLIN, 0}, {signals.fd().number(), POLLIN, 0},
                            {notifications ? notifications->fd().number() : -1, POLLIN, 0}};
        if (poll(watched, std::size(watched), relay.milliseconds_to_wait()) < 0) {
            if (errno == EINTR) continue;
            return Error::from_errno("wait for the container");
        }
        if (watched[4].revents != 0) pass_on(signals, process, relay.console());
        // The service manager may be gone: ignoring.
        if (watched[5].revents != 0) (void)notifications->pass_on(std::nullopt).ok();
        relay.turn({watched[0], watched[1], watched[2]});
        if (watched[3].revents == 0) continue;
        relay.drain();
        return process.wait();
    }
}

Result<int> parse_descriptor_count(std::string_view text) {
    auto const count = TRY(parse_unsigned(text));
    if (count > 1024) return Error::of(ERANGE, "{} descriptors are too many", count);
    return static_cast<int>(count);
}

namespace {
Result<void> send_descriptor(std::string_view option, std::string const& socket, FdRef descriptor, std::string_view name) {
    auto connection = TRY(connect_to(TRY(HostPath::absolute(socket)), UnixSocketKind::stream).while_doing("{}", option));
    int const sent[] = {descriptor.number()};
    return Channel(std::move(connection)).send(name, sent).while_doing("{} '{}'", option, socket);
}
} // namespace

Result<void> send_console(std::string const& socket, FdRef console) { return send_descriptor("--console-socket", socket, console, "/dev/ptmx"); }

Result<void> send_pidfd(std::string const& socket, FdRef pidfd) { return send_descriptor("--pidfd-socket", socket, pidfd, "pidfd"); }

} // namespace bolt::cli
