#include "cli/attach_client.h"

#include <algorithm>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/messages.h"

namespace bolt::cli {

Result<ClientTerminal> ClientTerminal::take(RelayOptions const& options) {
    ClientTerminal taken(TRY(SignalQueue::open_all_but({SIGCHLD, SIGPIPE, SIGURG, SIGTSTP, SIGTTIN, SIGTTOU})));
    ignore_broken_pipes();
    if (options.terminal && options.input && is_terminal(FdRef(0))) taken.raw_.emplace(TRY(RawTerminal::enter(FdRef(0))));
    return taken;
}

std::optional<WindowSize> ClientTerminal::size() const {
    for (int const number : {0, 1, 2})
        if (auto const size = window_size(FdRef(number)); size) return size.value();
    return std::nullopt;
}

namespace {

// One message's worth that a peer whose socket is writable takes without blocking: writable is a quarter full at most.
constexpr std::size_t chunk = 16 * 1024;
// A pipe that is writable takes this much.
constexpr std::size_t atomic_write = 4096;

// Both relays. Without a console, input and output are messages; with one, they are its bytes.
class Relay {
public:
    Relay(Channel& monitor, UniqueFd console, TenantPipes pipes, ClientTerminal& terminal, RelayOptions const& options, SignalTaker const& take_signal)
        : monitor_(monitor), console_(std::move(console)), pipes_(std::move(pipes)), terminal_(terminal), options_(options), take_signal_(take_signal),
          keys_(options.terminal ? options.detach_keys : ""), input_open_(options.input), size_changed_(options.terminal) {}

    Result<RelayOutcome> run() {
        for (auto const* const fd : {&console_, &pipes_.input, &pipes_.output, &pipes_.error})
            if (fd->is_open()) TRY(set_nonblocking(*fd));
        while (!outcome_) TRY(turn());
        if (outcome_->end == RelayEnd::exited) TRY(drain());
        return std::move(*outcome_);
    }

private:
    static constexpr std::chrono::duration<int, std::milli> console_rest{100};
    bool is_console_resting() const { return std::chrono::steady_clock::now() < console_rests_until_; }

    enum Place { signals, channel, input, output, console, pipe_in, pipe_out, pipe_error, places };

    Result<void> turn() {
        if (detach_due_ && (pending_input_.empty() || peer_deaf_)) {
            outcome_ = RelayOutcome{.end = RelayEnd::detached};
            return {};
        }
        pollfd set[places];
        fill(set);
        if (poll(set, places, is_console_resting() ? console_rest.count() : -1) < 0) {
            if (errno == EINTR) return {};
            return Error::from_errno("wait for the container's streams");
        }
        auto const is = [&](Place place, int events) { return (set[place].revents & events) != 0; };
        constexpr int ended = POLLHUP | POLLERR | POLLNVAL;
        if (is(signals, POLLIN)) take_signals();
        if (is(output, POLLOUT | ended)) TRY(write_pending());
        if (is(channel, POLLOUT)) TRY(send_to_monitor());
        if (is(console, POLLOUT)) write_inward(console_);
        if (is(pipe_in, POLLOUT | ended)) write_inward(pipes_.input);
        if (is(input, POLLIN | ended)) read_input();
        if (is(console, POLLIN | ended) && pending_output_.empty()) read_outward(console_, 1);
        if (is(pipe_out, POLLIN | ended) && pending_output_.empty()) read_outward(pipes_.output, 1);
        if (is(pipe_error, POLLIN | ended) && pending_output_.empty()) read_outward(pipes_.error, 2);
        // Last: what came over the console belongs before the news of the end.
        if (is(channel, POLLIN | ended) && pending_output_.empty()) TRY(receive());
        return {};
    }

    void fill(pollfd (&set)[places]) {
        bool const has_console = console_.is_open(), takes_output = pending_output_.empty();
        bool const to_send = !has_console && !pipes_.input.is_open() && (!pending_input_.empty() || size_changed_ || input_end_due_);
        auto const flags = [](bool in, bool out) { return static_cast<short>((in ? POLLIN : 0) | (out ? POLLOUT : 0)); };
        set[signals] = {terminal_.signals().fd().number(), POLLIN, 0};
        set[channel] = {monitor_.fd().number(), flags(takes_output, to_send && !peer_deaf_), 0};
        if (!set[channel].events) set[channel].fd = -1;
        set[input] = {input_open_ && pending_input_.empty() && !input_end_due_ ? 0 : -1, POLLIN, 0};
        set[output] = {takes_output ? -1 : pending_to_, POLLOUT, 0};
        set[console] = {has_console && !is_console_resting() ? console_.number() : -1, flags(takes_output, !pending_input_.empty()), 0};
        if (!set[console].events) set[console].fd = -1;
        set[pipe_in] = {pending_input_.empty() ? -1 : pipes_.input.number(), POLLOUT, 0};
        set[pipe_out] = {takes_output ? pipes_.output.number() : -1, POLLIN, 0};
        set[pipe_error] = {takes_output ? pipes_.error.number() : -1, POLLIN, 0};
        if (has_console && std::exchange(size_changed_, false))
            if (auto const size = terminal_.size()) (void)set_window_size(console_, *size).ok(); // a tenant that is gone needs no size, ignoring
    }

    void take_signals() {
        while (auto const signal = terminal_.signals().next()) {
            if (*signal == SIGWINCH || *signal == SIGCONT) {
                if (*signal == SIGCONT) terminal_.resume();
                size_changed_ = options_.terminal;
            } else if (take_signal_) {
                take_signal_(*signal);
                if (*signal == SIGHUP && terminal_is_gone()) outcome_ = RelayOutcome{.end = RelayEnd::terminal_gone};
            } else {
                terminal_.restore();
                die_of(*signal);
            }
        }
    }

    void read_input() {
        char buffer[chunk];
        auto const count = read(0, buffer, sizeof buffer);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
        if (count <= 0 && terminal_is_gone()) {
            outcome_ = RelayOutcome{.end = RelayEnd::terminal_gone};
            return;
        }
        if (count <= 0) {
            input_open_ = false;
            input_end_due_ = !console_.is_open() && !pipes_.input.is_open();
            pipes_.input.close(); // nothing is pending: it would not have been read on
            return;
        }
        auto typed = keys_.pass({buffer, static_cast<std::size_t>(count)});
        pending_input_ = std::move(typed.passed);
        if (typed.is_complete) {
            input_open_ = false;
            detach_due_ = true;
        }
    }

    // Whoever looked on from a terminal that hung up cannot any more; a pipe or a file only ends.
    static bool terminal_is_gone() {
        for (int const number : {0, 1}) {
            struct stat status {};
            pollfd look{number, POLLIN, 0};
            if (fstat(number, &status) == 0 && S_ISCHR(status.st_mode) && poll(&look, 1, 0) == 1 && (look.revents & POLLHUP) != 0) return true;
        }
        return false;
    }

    Result<void> send_to_monitor() {
        auto const sent = send_next();
        // The monitor is going away; what it still says is read.
        if (!sent && (sent.error().is(EPIPE) || sent.error().is(ECONNRESET))) {
            peer_deaf_ = true;
            return {};
        }
        return sent;
    }

    Result<void> send_next() {
        using monitor::Type;
        if (std::exchange(size_changed_, false)) {
            auto const size = terminal_.size();
            if (!size) return {};
            Json payload;
            payload.set("rows", size->rows).set("columns", size->columns);
            return monitor::send(monitor_, Type::resize, payload.dump());
        }
        if (!pending_input_.empty()) return monitor::send(monitor_, Type::input, std::exchange(pending_input_, {}));
        if (std::exchange(input_end_due_, false)) return monitor::send(monitor_, Type::input_end);
        return {};
    }

    void write_inward(FdRef to) {
        auto const count = write(to.number(), pending_input_.data(), pending_input_.size());
        if (count >= 0) pending_input_.erase(0, static_cast<std::size_t>(count));
        else if (errno != EINTR && errno != EAGAIN) pending_input_.clear(); // nobody reads it any more
    }

    // False at the end, and when there is nothing now.
    bool read_outward(UniqueFd& from, int to) {
        char buffer[chunk];
        auto const count = read(from.number(), buffer, sizeof buffer);
        if (count > 0) {
            pending_output_.assign(buffer, static_cast<std::size_t>(count));
            pending_to_ = to;
            return true;
        }
        // EIO: none of the tenant's processes has the terminal open, and one may open it again. To close this side would hang up on them.
        if (count < 0 && errno == EIO && &from == &console_) {
            console_rests_until_ = std::chrono::steady_clock::now() + console_rest;
            return false;
        }
        if (count == 0 || (errno != EINTR && errno != EAGAIN)) from.close();
        return false;
    }

    // What the tenant wrote before its end. A process that it left behind may go on to write: nobody waits for that.
    Result<void> drain() {
        constexpr std::size_t most_held_by_kernel = 64 * 1024; // of a terminal, and of a pipe unless it is made larger
        for (auto const& [from, to] : {std::pair(&console_, 1), std::pair(&pipes_.output, 1), std::pair(&pipes_.error, 2)})
            for (std::size_t drained = 0; drained <= most_held_by_kernel && from->is_open() && read_outward(*from, to); drained += pending_output_.size(), pending_output_.clear())
                TRY(write_all(FdRef(to), pending_output_));
        return {};
    }

    Result<void> write_pending() {
        struct stat status {};
        bool const is_file = fstat(pending_to_, &status) == 0 && S_ISREG(status.st_mode);
        auto const count = write(pending_to_, pending_output_.data(), is_file ? pending_output_.size() : std::min(pending_output_.size(), atomic_write));
        if (count >= 0) {
            pending_output_.erase(0, static_cast<std::size_t>(count));
            return {};
        }
        if (errno == EINTR || errno == EAGAIN) return {};
        if (errno == EPIPE && pending_to_ == 1) {
            outcome_ = RelayOutcome{.end = RelayEnd::output_closed};
            return {};
        }
        if (pending_to_ == 1) return Error::from_errno("write to standard output (the container goes on)");
        pending_output_.clear(); // without a standard error there is nobody to tell
        return {};
    }

    Result<void> receive() {
        using monitor::Type;
        auto received = monitor::receive(monitor_);
        if (!received && !received.error().is(ECONNRESET)) return std::move(received).error();
        if (!received || !received.value()) {
            outcome_ = RelayOutcome{.end = RelayEnd::connection_lost};
            return {};
        }
        auto& message = *received.value();
        switch (message.type) {
        case Type::output:
        case Type::error_output:
            pending_to_ = message.type == Type::output ? 1 : 2;
            pending_output_ = std::move(message.payload);
            return {};
        case Type::exited: {
            auto const state = TRY(monitor::parse_state(TRY(Json::parse(message.payload))));
            outcome_ = RelayOutcome{RelayEnd::exited, state.exit_code, state.error};
            return {};
        }
        case Type::exec_exited: {
            auto const code = TRY(TRY(Json::parse(message.payload)).integer_or("exit_code", 0));
            outcome_ = RelayOutcome{RelayEnd::exited, static_cast<int>(code), {}};
            return {};
        }
        case Type::failed: {
            auto const failure = TRY(Json::parse(message.payload));
            // Of what is sent from here only falling behind is worth ending for.
            if (TRY(failure.integer_or("code", 0)) == ENOBUFS) return Error(ENOBUFS, TRY(failure.string_or("text", "")));
            return {};
        }
        default: return {};
        }
    }

    Channel& monitor_;
    UniqueFd console_;
    std::chrono::steady_clock::time_point console_rests_until_{};
    TenantPipes pipes_;
    ClientTerminal& terminal_;
    RelayOptions const& options_;
    SignalTaker const& take_signal_;
    DetachKeys keys_;
    bool input_open_, size_changed_, input_end_due_ = false, peer_deaf_ = false, detach_due_ = false;
    std::string pending_input_, pending_output_;
    int pending_to_ = 1;
    std::optional<RelayOutcome> outcome_;
};

} // namespace

Result<RelayOutcome> relay_container(Channel& monitor, ClientTerminal& terminal, RelayOptions const& options, SignalTaker const& take_signal) {
    return Relay(monitor, UniqueFd(), TenantPipes(), terminal, options, take_signal).run();
}

Result<RelayOutcome> relay_tenant(Channel& monitor, UniqueFd console, TenantPipes pipes, ClientTerminal& terminal, RelayOptions const& options) {
    SignalTaker const none;
    return Relay(monitor, std::move(console), std::move(pipes), terminal, options, none).run();
}

} // namespace bolt::cli
