// epoll(7) and timerfd(2) as they are: below EventLoop, and for what watches thousands of descriptors and embeds in a loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include <sys/epoll.h>

#include "base/result.h"
#include "sys/fd.h"

namespace bolt {

class Epoll {
public:
    static Result<Epoll> make();
    // Level-triggered. EEXIST when it is there already, ENOSPC at the user's limit of watches.
    Result<void> add(FdRef fd, std::uint32_t events, void* owner) const;
    // Of descriptors that are there; cannot fail then.
    void change(FdRef fd, std::uint32_t events, void* owner) const;
    void remove(FdRef fd) const;
    // Waits `patience` milliseconds, 0 not at all and -1 for ever: the filled part of `events`, empty after a signal too.
    Result<std::span<epoll_event>> wait(std::span<epoll_event> events, int patience) const;
    FdRef fd() const { return fd_; }

private:
    explicit Epoll(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

// Readable when it has gone off, until acknowledged or set anew.
class Timer {
public:
    static Result<Timer> make();
    void set(std::chrono::milliseconds delay) const; // once, from now; 0 or less: at once
    void clear() const;
    void acknowledge() const;
    FdRef fd() const { return fd_; }

private:
    explicit Timer(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

} // namespace bolt
