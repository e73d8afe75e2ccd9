#include "cli/oci_foreground.h"

#include <csignal>

#include <poll.h>

#include "base/text.h"
#include "sys/channel.h"
#include "sys/terminal.h"
#include "sys/unix_socket.h"

namespace bolt::cli {

Result<SignalQueue> hold_signals() {
    signal(SIGPIPE, SIG_IGN); // nobody may want what the container prints: it is waited for all the same
    return SignalQueue::open({SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGTSTP, SIGWINCH, SIGPWR, SIGURG, SIGIO});
}

namespace {

// Copies once; false at the end of the source. A slave that nobody has open is EIO: the end too. What nobody takes is dropped: a
// program must not stop because of it.
bool copy_some(FdRef from, FdRef to) {
    char buffer[16384];
    auto const count = read_some(from, buffer);
    if (!count || count.value() == 0) return false;
    (void)write_all(to, {buffer, count.value()}).ok();
    return true;
}

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
    bool input_open = console.is_open();
    for (;;) {
        pollfd watched[] = {{process.pidfd().number(), POLLIN, 0}, {signals.fd().number(), POLLIN, 0}, {console.number(), POLLIN, 0}, {input_open ? 0 : -1, POLLIN, 0},
                            {notifications ? notifications->fd().number() : -1, POLLIN, 0}};
        if (poll(watched, 5, -1) < 0 && errno != EINTR) return Error::from_errno("wait for the container");
        if (watched[1].revents != 0) pass_on(signals, process, console);
        // The service manager may be gone: ignoring.
        if (watched[4].revents != 0) (void)notifications->pass_on(std::nullopt).ok();
        if (watched[3].revents != 0 && !copy_some(FdRef(0), console)) input_open = false;
        if (watched[2].revents != 0) {
            if (!copy_some(console, FdRef(1))) console.close();
            continue; // what it wrote last comes before its end
        }
        if (watched[0].revents != 0) return process.wait();
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
