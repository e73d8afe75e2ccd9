#include "cli/oci_console.h"

#include <algorithm>

#include <unistd.h>

namespace bolt::cli {

namespace {

constexpr std::size_t chunk = 16 * 1024;
// A pipe that poll(2) calls writable takes this much without blocking, and a terminal does unless its other end is stuck.
constexpr std::size_t atomic_write = 4096;
constexpr std::chrono::milliseconds rest{100};

enum Place { at_console, at_input, at_output };

void write_some(FdRef to, std::string& pending, std::size_t most) {
    auto const count = write(to.number(), pending.data(), std::min(pending.size(), most));
    if (count >= 0) pending.erase(0, static_cast<std::size_t>(count));
    else if (errno != EINTR && errno != EAGAIN) pending.clear(); // nobody takes it
}

} // namespace

Result<ConsoleRelay> ConsoleRelay::begin(UniqueFd console) {
    if (console.is_open()) TRY(set_nonblocking(console)); // nobody else has this end
    return ConsoleRelay(std::move(console));
}

ConsoleRelay::Watched ConsoleRelay::watched() const {
    auto const reads = static_cast<short>(outward_.empty() ? POLLIN : 0), writes = static_cast<short>(inward_.empty() ? 0 : POLLOUT);
    bool const is_watched = console_.is_open() && (reads | writes) != 0 && !is_resting();
    Watched set{};
    set[at_console] = {is_watched ? console_.number() : -1, static_cast<short>(reads | writes), 0};
    set[at_input] = {input_open_ && inward_.empty() ? 0 : -1, POLLIN, 0};
    set[at_output] = {outward_.empty() ? -1 : 1, POLLOUT, 0};
    return set;
}

int ConsoleRelay::milliseconds_to_wait() const { return console_.is_open() && is_resting() ? static_cast<int>(rest.count()) : -1; }

void ConsoleRelay::turn(Watched const& ready) {
    if (ready[at_output].revents != 0) write_some(FdRef(1), outward_, atomic_write);
    if ((ready[at_console].revents & POLLOUT) != 0) write_some(console_, inward_, inward_.size());
    if (ready[at_input].revents != 0) {
        char buffer[chunk];
        auto const count = read(0, buffer, sizeof buffer);
        if (count > 0) inward_.assign(buffer, static_cast<std::size_t>(count));
        else if (count == 0 || (errno != EINTR && errno != EAGAIN)) input_open_ = false;
    }
    if ((ready[at_console].revents & ~POLLOUT) != 0 && outward_.empty()) (void)read_console(); // its next turn tells
}

// False when there is nothing now.
bool ConsoleRelay::read_console() {
    char buffer[chunk];
    auto const count = read(console_.number(), buffer, sizeof buffer);
    if (count > 0) outward_.assign(buffer, static_cast<std::size_t>(count));
    // EIO: no process has the terminal open, and one may open it again. To close this end would hang up on them.
    else if (count < 0 && errno == EIO) rests_until_ = std::chrono::steady_clock::now() + rest;
    return count > 0;
}

void ConsoleRelay::drain() {
    if (!console_.is_open()) return;
    constexpr std::size_t most_held_by_kernel = 64 * 1024; // n_tty's; more is new
    std::size_t drained = 0;
    do {
        drained += outward_.size();
        (void)write_all(FdRef(1), outward_).ok(); // nobody may want it, ignoring
        outward_.clear();
    } while (drained <= most_held_by_kernel && read_console());
}

} // namespace bolt::cli
