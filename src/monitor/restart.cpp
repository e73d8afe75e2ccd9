#include "monitor/restart.h"

#include <algorithm>

namespace bolt::monitor {

using namespace std::chrono_literals;

bool should_restart(RestartPolicy policy, int most_restarts, EndOfRun const& end) {
    if (end.stopped_by_user) return false;
    switch (policy) {
    case RestartPolicy::no: return false;
    case RestartPolicy::on_failure: return end.exit_code != 0 && (most_restarts == 0 || end.restarts_so_far < most_restarts);
    case RestartPolicy::always:
    case RestartPolicy::unless_stopped: return true;
    }
    return false;
}

std::chrono::milliseconds RestartDelay::next(std::chrono::nanoseconds ran_for) {
    if (ran_for >= 10s) last_ = 0ms;
    last_ = last_ == 0ms ? 100ms : std::min<std::chrono::milliseconds>(last_ * 2, 1min);
    return last_;
}

} // namespace bolt::monitor
