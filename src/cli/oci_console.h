// The caller's standard streams and a container's terminal, each copied to the other.
#pragma once

#include <array>
#include <chrono>
#include <string>

#include <poll.h>

#include "base/result.h"
#include "sys/fd.h"

namespace bolt::cli {

// Neither way waits for the other or for whoever reads, so that signals and the container's end are noticed at any time. What cannot
// be written any more is dropped: a program must not stop because of it.
class ConsoleRelay {
public:
    // One that is not open copies nothing.
    static Result<ConsoleRelay> begin(UniqueFd console);

    using Watched = std::array<pollfd, 3>; // for poll(2), with milliseconds_to_wait()
    Watched watched() const;
    int milliseconds_to_wait() const;
    void turn(Watched const& ready);
    // What the container wrote before its end, which waits for whoever reads. A process that it left behind may go on to write:
    // nobody waits for that.
    void drain();
    FdRef console() const { return console_; }

private:
    explicit ConsoleRelay(UniqueFd console) : console_(std::move(console)), input_open_(console_.is_open()) {}
    bool is_resting() const { return std::chrono::steady_clock::now() < rests_until_; }
    bool read_console();

    UniqueFd console_;
    std::string inward_, outward_; // read, and not written yet
    bool input_open_;
    std::chrono::steady_clock::time_point rests_until_;
};

} // namespace bolt::cli
