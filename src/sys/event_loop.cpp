#include "sys/event_loop.h"

#include <climits>

namespace bolt {

namespace {
// What comes back with an event: the number, not the watch, which a callback before it may have forgotten.
void* key_of(FdRef fd) { return reinterpret_cast<void*>(static_cast<std::intptr_t>(fd.number())); }
int number_of(epoll_event const& event) { return static_cast<int>(reinterpret_cast<std::intptr_t>(event.data.ptr)); }
} // namespace

Result<EventLoop> EventLoop::make() { return EventLoop(TRY(Epoll::make())); }

Result<void> EventLoop::watch(FdRef fd, std::uint32_t events, Callback callback) {
    if (watches_.contains(fd.number())) return Error::from_code(EEXIST, fmt::format("watch descriptor {}", fd.number()));
    if (events != 0) TRY(epoll_.add(fd, events, key_of(fd)));
    watches_.emplace(fd.number(), Watch{events, std::make_shared<Callback>(std::move(callback))});
    return {};
}

void EventLoop::change(FdRef fd, std::uint32_t events) {
    auto const at = watches_.find(fd.number());
    if (at == watches_.end() || at->second.events == events) return;
    if (events == 0) epoll_.remove(fd);
    else if (at->second.events == 0) (void)epoll_.add(fd, events, key_of(fd)).ok(); // what was watched once can be watched again
    else epoll_.change(fd, events, key_of(fd));
    at->second.events = events;
}

void EventLoop::forget(FdRef fd) {
    auto const at = watches_.find(fd.number());
    if (at == watches_.end()) return;
    if (at->second.events != 0) epoll_.remove(fd);
    watches_.erase(at);
}

EventLoop::TimerId EventLoop::after(std::chrono::milliseconds delay, std::function<void()> callback) {
    timers_.emplace(++last_timer_, Deadline{Monotonic::now() + delay, std::move(callback)});
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
        if (TRY(epoll_.wait({&event, 1}, patience)).empty()) continue;
        auto const at = watches_.find(number_of(event));
        if (at == watches_.end()) continue;
        auto const callback = at->second.callback;
        (*callback)(event.events);
        if (stopped_) return {};
    }
}

} // namespace bolt
