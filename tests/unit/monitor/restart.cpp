#include "../../catch.h"

#include "monitor/restart.h"

using namespace bolt::monitor;
using namespace std::chrono_literals;

TEST_CASE("who is restarted") {
    auto const decide = [](RestartPolicy policy, int most, int code, bool stopped, int so_far) {
        return should_restart(policy, most, {.exit_code = code, .stopped_by_user = stopped, .restarts_so_far = so_far});
    };
    CHECK_FALSE(decide(RestartPolicy::no, 0, 1, false, 0));
    CHECK(decide(RestartPolicy::on_failure, 0, 1, false, 1000));
    CHECK_FALSE(decide(RestartPolicy::on_failure, 0, 0, false, 0));
    CHECK(decide(RestartPolicy::on_failure, 3, 137, false, 2));
    CHECK_FALSE(decide(RestartPolicy::on_failure, 3, 137, false, 3));
    for (auto const policy : {RestartPolicy::always, RestartPolicy::unless_stopped}) {
        CHECK(decide(policy, 0, 0, false, 9));
        CHECK(decide(policy, 0, 1, false, 9));
        CHECK_FALSE(decide(policy, 0, 1, true, 0));
    }
    CHECK_FALSE(decide(RestartPolicy::on_failure, 0, 1, true, 0));
}

TEST_CASE("the pause doubles up to a minute and begins anew after a run of ten seconds") {
    RestartDelay delay;
    std::vector<std::chrono::milliseconds> pauses;
    for (int i = 0; i < 12; ++i) pauses.push_back(delay.next(1s));
    CHECK(pauses == std::vector<std::chrono::milliseconds>{100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 12800ms, 25600ms, 51200ms, 60s, 60s});
    CHECK(delay.next(9999ms) == 60s);
    CHECK(delay.next(10s) == 100ms);
    CHECK(delay.next(0ms) == 200ms);
}
