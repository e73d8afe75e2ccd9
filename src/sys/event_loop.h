// One loop for a process without threads: callbacks for descriptors and deadlines, and the end of the loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/result.h"
#include "sys/epoll.h"
#include "sys/fd.h"

namespace bolt {

class EventLoop {
public:
    // The events are epoll's: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR.
    using Callback = std::function<void(std::uint32_t events)>;
    using TimerId = std::uint64_t; // 0 is no timer

    static Result<EventLoop> make();

    // Calls back while the descriptor has one of `events`. The descriptor stays its owner's, who forgets it before closing it.
    // EEXIST when it is watched already.
    Result<void> watch(FdRef fd, std::uint32_t events, Callback callback);
    // With 0 it is taken out of the kernel's set, so that a peer's hang-up, which epoll always tells, does not spin the loop.
    void change(FdRef fd, std::uint32_t events);
    // Safe inside the descriptor's own callback; one that is not watched is passed over.
    void forget(FdRef fd);

    // Calls back once, not earlier than after `delay`.
    TimerId after(std::chrono::milliseconds delay, std::function<void()> callback);
    // Sets the id to 0; 0 and a timer that has gone off are passed over.
    void cancel(TimerId& timer);

    // Until stop(). A failing epoll_wait(2) is the only error.
    Result<void> run();
    void stop() { stopped_ = true; }

private:
    struct Watch {
        std::uint32_t events;
        std::shared_ptr<Callback> callback; // held while it runs, also when it forgets itself
    };
    using Monotonic = std::chrono::steady_clock;
    struct Deadline {
        Monotonic::time_point due;
        std::function<void()> callback;
    };

    explicit EventLoop(Epoll epoll) : epoll_(std::move(epoll)) {}
    int run_timers(); // milliseconds until the next one, -1 without one

    Epoll epoll_;
    std::map<int, Watch> watches_;
    std::map<TimerId, Deadline> timers_;
    TimerId last_timer_ = 0;
    bool stopped_ = false;
};

} // namespace bolt
