#include "sys/event_loop.h"

#include <climits>

#include <sys/epoll.h>

namespace bolt {

Result<EventLoop> EventLoop::make() {
    UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll.is_open()) return Error::from_errno("make an epoll descriptor");
    return EventLoop(std::move(epoll));
}

Result<void> EventLoop::watch(FdRef fd, std::uint32_t events, Callback callback) {
    if (watches_.contains(fd.number())) return Error::from_code(EEXIST, fmt::format("watch descriptor {}", fd.number()));
    if (events != 0) {
        epoll_event event{.events = events, .data = {.fd = fd.number()}};
        if (epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, fd.number(), &event) < 0) return Error::from_errno("watch descriptor {}", fd.number());
    }
    watches_.emplace(fd.number(), Watch{events, std::make_shared<Callback>(std::move(callback))});
    return {};
}

void EventLoop::change(FdRef fd, std::uint32_t events) {
    auto const at = watches_.find(fd.number());
    if (at == watches_.end() || at->second.events == events) return;
    int const operation = events == 0 ? EPOLL_CTL_DEL : at->second.events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    epoll_event event{.events = events, .data = {.fd = fd.number()}};
    epoll_ctl(epoll_.number(), operation, fd.number(), &event); // a descriptor that was watched once can be watched again
    at->second.events = events;
}

void EventLoop::forget(FdRef fd) {
    auto const at = watches_.find(fd.number());
    if (at == watches_.end()) return;
    if (at->second.events != 0) epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, fd.number(), nullptr);
    watches_.erase(at);
}

EventLoop::TimerId EventLoop::after(std::chrono::milliseconds delay, std::function<void()> callback) {
    timers_.emplace(++last_timer_, Timer{Monotonic::now() + delay, std::move(callback)});
    return last_timer_;
}

void EventLoop::cancel(TimerId& timer) { timers_.erase(std::exchange(timer, 0)); }

int EventLoop::run_timers() {
    // One at a time: a callback may add and cancel others.
    for (;;) {
        auto next = timers_.end();
        for (auto it = timers_.begin(); it != timers_.end(); ++it)
            if (next == timers_.end() || it->second.due < next->second.due) next = it;
        if (next == timers_.end() || stopped_) return -1;
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(next->second.due - Monotonic::now()).count();
        if (left > 0) return static_cast<int>(std::min<std::int64_t>(left, INT_MAX));
        auto const callback = std::move(next->second.callback);
        timers_.erase(next);
        callback();
    }
}

Result<void> EventLoop::run() {
    stopped_ = false;
    for (;;) {
        int const patience = run_timers();
        if (stopped_) return {};
        // One event a call: what one callback closes, no other event of the same batch can still name.
        epoll_event event{};
        int const count = epoll_wait(epoll_.number(), &event, 1, patience);
        if (count < 0 && errno != EINTR) return Error::from_errno("wait for events");
        if (count <= 0) continue;
        auto const at = watches_.find(event.data.fd);
        if (at == watches_.end()) continue;
        auto const callback = at->second.callback;
        (*callback)(event.events);
        if (stopped_) return {};
    }
}

} // namespace bolt
