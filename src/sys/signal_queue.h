// Signals as something to poll: signalfd(2).
#pragma once

#include <csignal>
#include <initializer_list>
#include <optional>

#include "base/result.h"
#include "sys/fd.h"

namespace bolt {

// While this lives, the signals are blocked and come out here, in a process without threads. Children made by spawn() have
// them unblocked. The mask from before comes back at the end of its life: what is still pending acts then.
class SignalQueue {
public:
    static Result<SignalQueue> open(std::initializer_list<int> signals);
    // Every signal that can be blocked, realtime ones too, but these.
    static Result<SignalQueue> open_all_but(std::initializer_list<int> signals);
    SignalQueue(SignalQueue&& other) noexcept : fd_(std::move(other.fd_)), before_(other.before_) {}
    SignalQueue& operator=(SignalQueue&&) = delete;
    ~SignalQueue();

    FdRef fd() const { return fd_; } // readable when there is one
    std::optional<int> next();       // does not wait; none when there is none

private:
    static Result<SignalQueue> open_set(sigset_t const& wanted);
    SignalQueue(UniqueFd fd, sigset_t before) : fd_(std::move(fd)), before_(before) {}
    UniqueFd fd_;
    sigset_t before_;
};

// Ends the process as the signal would have ended it, so that whoever waits for it sees that.
[[noreturn]] void die_of(int signal);
// SIGPIPE: a write to a pipe that nobody reads is EPIPE instead.
void ignore_broken_pipes();

} // namespace bolt
