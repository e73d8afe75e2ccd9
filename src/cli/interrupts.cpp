#include "cli/interrupts.h"

#include <atomic>
#include <csignal>

namespace bolt::cli {

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

void interrupt_on(int signal) {
    struct sigaction before {};
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) return; // as nohup(1) wants it
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = true; };
    sigaction(signal, &action, nullptr); // only a wrong number fails
}

} // namespace

void expect_interrupts() {
    for (int const signal : {SIGINT, SIGTERM, SIGHUP}) interrupt_on(signal);
    signal(SIGPIPE, SIG_IGN);
}

bool is_interrupted() { return interrupted; }

} // namespace bolt::cli
