// Whether and when a container that has ended is started again: docker's rules.
#pragma once

#include <chrono>

#include "monitor/request.h"

namespace bolt::monitor {

struct EndOfRun {
    int exit_code = 0;
    bool stopped_by_user = false;
    int restarts_so_far = 0;
};
// `no`: never. `on-failure[:N]`: after a code other than 0, at most N times (0: no limit). `always` and `unless-stopped`: unless
// the user stopped it; they differ only when the host boots.
bool should_restart(RestartPolicy policy, int most_restarts, EndOfRun const& end);

// The pause before a restart: 100 ms, doubled every time, at most a minute; after a run of ten seconds or more it begins anew.
class RestartDelay {
public:
    std::chrono::milliseconds next(std::chrono::nanoseconds ran_for);

private:
    std::chrono::milliseconds last_{0};
};

} // namespace bolt::monitor
