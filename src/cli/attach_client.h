// The user's end of a container's streams: relays bytes, the terminal's size and signals until the container ends, the
// user detaches, or the connection is lost.
//
// One poll(2) loop. Nothing is read from one side while the other does not take it: standard input not while the monitor's
// socket is full, the monitor not while standard output is.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/channel.h"
#include "sys/fd.h"
#include "sys/signal_queue.h"
#include "sys/terminal.h"

namespace bolt::cli {

// Docker's --detach-keys: "ctrl-p,ctrl-q"; each is a letter or ctrl- with one of a-z @ [ \ ] ^ _. EINVAL names the key.
Result<std::string> parse_detach_keys(std::string_view text);
inline constexpr std::string_view default_detach_keys = "\x10\x11"; // ctrl-p,ctrl-q

// Finds the keys in what is typed. They are kept back until it is clear that they are not all there.
class DetachKeys {
public:
    explicit DetachKeys(std::string keys) : keys_(std::move(keys)) {}
    struct Typed {
        std::string passed;       // goes to the container, also what was typed before the keys
        bool is_complete = false; // the keys are all there; what comes after them is dropped
    };
    Typed pass(std::string_view typed);

private:
    std::string keys_;
    std::size_t seen_ = 0;
};

struct RelayOptions {
    bool input = false;        // standard input goes in
    bool terminal = false;     // the container has one
    std::string detach_keys;   // the bytes; "" for none
};

// Signals and the terminal, taken before the container runs so that none is lost: SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1,
// SIGUSR2, SIGALRM, SIGWINCH, SIGCONT. Job control stays the shell's.
class ClientTerminal {
public:
    // With a terminal and input, standard input is put into raw mode when it is one.
    static Result<ClientTerminal> take(RelayOptions const& options);
    SignalQueue& signals() { return signals_; }
    std::optional<WindowSize> size() const;
    bool is_raw() const { return raw_.has_value(); }
    void resume() { if (raw_) raw_->enter_again(); }
    void restore() { raw_.reset(); }

private:
    explicit ClientTerminal(SignalQueue signals) : signals_(std::move(signals)) {}
    SignalQueue signals_;
    std::optional<RawTerminal> raw_;
};

enum class RelayEnd { exited, detached, connection_lost, output_closed, terminal_gone };
struct RelayOutcome {
    RelayEnd end = RelayEnd::connection_lost;
    int exit_code = 0;         // with exited
    std::string error;         // with exited: why the container ended without having run, if it says so
};
// What becomes of a signal sent to this process; none: it dies of it, with the terminal restored.
using SignalTaker = std::function<void(int signal)>;
Result<RelayOutcome> relay_container(Channel& monitor, ClientTerminal& terminal, RelayOptions const& options, SignalTaker const& take_signal);

// Our ends of pipes to and from a tenant, for those of our standard streams that are a terminal or a file: who has the descriptor
// can read what is typed there, or write there, long after.
struct TenantPipes {
    UniqueFd input, output, error; // not open: the tenant has our own descriptor
};
// The same for an exec: with a terminal its bytes go through `console`; without, the tenant has pipes or our own descriptors.
Result<RelayOutcome> relay_tenant(Channel& monitor, UniqueFd console, TenantPipes pipes, ClientTerminal& terminal, RelayOptions const& options);

} // namespace bolt::cli
