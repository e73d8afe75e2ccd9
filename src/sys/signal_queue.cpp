#include "sys/signal_queue.h"

#include <sys/signalfd.h>
#include <unistd.h>

namespace bolt {

Result<SignalQueue> SignalQueue::open(std::initializer_list<int> signals) {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (int const number : signals) sigaddset(&wanted, number);
    return open_set(wanted);
}

Result<SignalQueue> SignalQueue::open_all_but(std::initializer_list<int> signals) {
    sigset_t wanted;
    sigfillset(&wanted);
    for (int const number : signals) sigdelset(&wanted, number);
    return open_set(wanted);
}

Result<SignalQueue> SignalQueue::open_set(sigset_t const& wanted) {
    sigset_t before;
    if (sigprocmask(SIG_BLOCK, &wanted, &before) < 0) return Error::from_errno("block signals");
    UniqueFd fd(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.is_open()) {
        auto error = Error::from_errno("make a descriptor for signals");
        sigprocmask(SIG_SETMASK, &before, nullptr);
        return error;
    }
    return SignalQueue(std::move(fd), before);
}

SignalQueue::~SignalQueue() {
    if (fd_.is_open()) sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> SignalQueue::next() {
    signalfd_siginfo seen{};
    if (read(fd_.number(), &seen, sizeof seen) != static_cast<ssize_t>(sizeof seen)) return std::nullopt;
    return static_cast<int>(seen.ssi_signo);
}

void die_of(int signal) {
    ::signal(signal, SIG_DFL);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    sigprocmask(SIG_UNBLOCK, &one, nullptr);
    raise(signal);
    _exit(128 + signal); // a signal whose default is to be ignored
}

void ignore_broken_pipes() { ::signal(SIGPIPE, SIG_IGN); }

} // namespace bolt
