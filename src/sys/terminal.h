// Terminals as a client of them sees them: termios(3), ioctl_tty(2).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sys/fd.h"

namespace bolt {

bool is_terminal(FdRef fd);

struct WindowSize {
    unsigned short rows = 0, columns = 0;
    bool operator==(WindowSize const&) const = default;
};
// ENOTTY when it is no terminal.
Result<WindowSize> window_size(FdRef terminal);
Result<void> set_window_size(FdRef terminal, WindowSize size);

// A line that is typed without being shown, without its end. `prompt` asks for it, when nothing is shown any more. ECANCELED when a
// signal with a handler came, EPIPE at the end of input.
Result<std::string> read_secret(FdRef terminal, std::string_view prompt, FdRef prompt_output);

// While this lives, every byte typed at the terminal is passed on as it is: no echo, no lines, no signals, output untouched.
// The settings from before come back with restore() or at the end of its life; a process that dies of a signal must
// restore first. The descriptor stays its owner's and must live longer.
class RawTerminal {
public:
    static Result<RawTerminal> enter(FdRef terminal);
    RawTerminal(RawTerminal&& other) noexcept;
    RawTerminal& operator=(RawTerminal&&) = delete;
    ~RawTerminal();
    void restore();     // a second call does nothing
    void enter_again(); // after the process was stopped and the shell has had the terminal

private:
    struct Settings;
    RawTerminal(FdRef terminal, std::unique_ptr<Settings> settings);
    FdRef terminal_;
    std::unique_ptr<Settings> settings_; // none once restored
};

} // namespace bolt
