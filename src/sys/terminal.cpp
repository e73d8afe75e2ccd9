#include "sys/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace bolt {

bool is_terminal(FdRef fd) { return isatty(fd.number()) == 1; }

Result<WindowSize> window_size(FdRef terminal) {
    winsize size{};
    if (ioctl(terminal.number(), TIOCGWINSZ, &size) < 0) return Error::from_errno("read the terminal's size");
    return WindowSize{size.ws_row, size.ws_col};
}

Result<void> set_window_size(FdRef terminal, WindowSize size) {
    winsize wanted{};
    wanted.ws_row = size.rows;
    wanted.ws_col = size.columns;
    if (ioctl(terminal.number(), TIOCSWINSZ, &wanted) < 0) return Error::from_errno("set the terminal's size");
    return {};
}

struct RawTerminal::Settings {
    termios before, raw;
};

namespace {
bool apply(FdRef terminal, int when, termios const& settings) {
    while (tcsetattr(terminal.number(), when, &settings) < 0)
        if (errno != EINTR) return false;
    return true;
}
} // namespace

Result<std::string> read_secret(FdRef terminal, std::string_view prompt, FdRef prompt_output) {
    termios before{};
    if (tcgetattr(terminal.number(), &before) < 0) return Error::from_errno("read the terminal's settings");
    auto silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ICANON | ECHONL;
    if (!apply(terminal, TCSAFLUSH, silent)) return Error::from_errno("keep the terminal from showing what is typed");
    // A program that waits for it may answer at once: what was typed before the change of settings is gone.
    auto const asked = write_all(prompt_output, prompt);
    std::string line;
    char letter = 0;
    ssize_t got = 0;
    while (asked && (got = read(terminal.number(), &letter, 1)) == 1 && letter != '\n') line += letter;
    int const failure = got < 0 ? errno : 0;
    (void)apply(terminal, TCSAFLUSH, before); // as above
    TRY(Result(asked));
    if (failure == EINTR) return Error::of(ECANCELED, "interrupted");
    if (failure != 0) return Error::from_code(failure, "read from the terminal");
    if (got == 0 && line.empty()) return Error::of(EPIPE, "nothing was typed");
    return line;
}

RawTerminal::RawTerminal(FdRef terminal, std::unique_ptr<Settings> settings) : terminal_(terminal), settings_(std::move(settings)) {}
RawTerminal::RawTerminal(RawTerminal&& other) noexcept = default;

Result<RawTerminal> RawTerminal::enter(FdRef terminal) {
    auto settings = std::make_unique<Settings>();
    if (tcgetattr(terminal.number(), &settings->before) < 0) return Error::from_errno("read the terminal's settings");
    settings->raw = settings->before;
    cfmakeraw(&settings->raw);
    // What was typed before stays to be read.
    if (!apply(terminal, TCSADRAIN, settings->raw)) return Error::from_errno("put the terminal into raw mode");
    return RawTerminal(terminal, std::move(settings));
}

RawTerminal::~RawTerminal() { restore(); }

void RawTerminal::restore() {
    // A terminal that has gone away has no settings any more.
    if (settings_) (void)apply(terminal_, TCSADRAIN, settings_->before);
    settings_.reset();
}

void RawTerminal::enter_again() {
    if (settings_) (void)apply(terminal_, TCSADRAIN, settings_->raw); // as above
}

} // namespace bolt
