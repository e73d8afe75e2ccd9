#include "sys/epoll.h"

#include <algorithm>

#include <sys/timerfd.h>
#include <unistd.h>

namespace bolt {

Result<Epoll> Epoll::make() {
    UniqueFd fd(epoll_create1(EPOLL_CLOEXEC));
    if (!fd.is_open()) return Error::from_errno("make an epoll descriptor");
    return Epoll(std::move(fd));
}

Result<void> Epoll::add(FdRef fd, std::uint32_t events, void* owner) const {
    epoll_event event{.events = events, .data = {.ptr = owner}};
    if (epoll_ctl(fd_.number(), EPOLL_CTL_ADD, fd.number(), &event) < 0) return Error::from_errno("watch descriptor {}", fd.number());
    return {};
}

void Epoll::change(FdRef fd, std::uint32_t events, void* owner) const {
    epoll_event event{.events = events, .data = {.ptr = owner}};
    epoll_ctl(fd_.number(), EPOLL_CTL_MOD, fd.number(), &event);
}

void Epoll::remove(FdRef fd) const { epoll_ctl(fd_.number(), EPOLL_CTL_DEL, fd.number(), nullptr); }

Result<std::span<epoll_event>> Epoll::wait(std::span<epoll_event> events, int patience) const {
    int const count = epoll_wait(fd_.number(), events.data(), static_cast<int>(events.size()), patience);
    if (count < 0 && errno != EINTR) return Error::from_errno("wait for events");
    return events.first(static_cast<std::size_t>(std::max(count, 0)));
}

Result<Timer> Timer::make() {
    UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (!fd.is_open()) return Error::from_errno("make a timer");
    return Timer(std::move(fd));
}

void Timer::set(std::chrono::milliseconds delay) const {
    auto const whole = std::max<std::int64_t>(delay.count(), 1);
    itimerspec const once{.it_interval = {}, .it_value = {.tv_sec = whole / 1000, .tv_nsec = whole % 1000 * 1'000'000}};
    timerfd_settime(fd_.number(), 0, &once, nullptr);
}

void Timer::clear() const {
    itimerspec const never{};
    timerfd_settime(fd_.number(), 0, &never, nullptr);
}

void Timer::acknowledge() const {
    std::uint64_t expirations{};
    [[maybe_unused]] auto const ignored = read(fd_.number(), &expirations, sizeof expirations);
}

} // namespace bolt
