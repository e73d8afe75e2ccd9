#include "../../catch.h"

#include <cstdlib>

#include <unistd.h>

#include "monitor/state.h"
#include "scratch.h"
#include "sys/file.h"
#include "sys/process.h"

using namespace bolt;
using namespace bolt::monitor;

namespace {
State full_state() {
    State state;
    state.status = Status::running;
    state.monitor_pid = getpid();
    state.monitor_start_time = start_time_of(getpid()).value();
    state.pid = getpid();
    state.start_time = state.monitor_start_time;
    state.started_at = parse_rfc3339("2026-11-21T04:44:16.5Z").value();
    state.exit_code = 3;
    state.oom_killed = true;
    state.stopped_by_user = true;
    state.restart_count = 7;
    state.error = "it \"broke\"";
    state.cgroup = "/bolt/x";
    state.ports = {"0.0.0.0:80->80/tcp"};
    return state;
}
} // namespace

TEST_CASE("a state comes back as it was written") {
    test::Scratch const scratch;
    auto const state = full_state();
    REQUIRE_OK(write_state(scratch.path, state));
    auto const found = find_state(scratch.path).value();
    REQUIRE(found);
    CHECK(to_json(*found) == to_json(state));
    CHECK((stat_file(scratch.path / "state.json").value().st_mode & 0777) == 0600);
    CHECK_FALSE(find_exit_record(scratch.path).value());
    REQUIRE_OK(write_exit_record(scratch.path, state));
    CHECK(to_json(*find_exit_record(scratch.path).value()) == to_json(state));
}

TEST_CASE("no state file, no state") {
    test::Scratch const scratch;
    CHECK_FALSE(find_state(scratch.path).value());
    CHECK_FALSE(find_state(scratch.path / "nothing").value());
}

TEST_CASE("a running container whose monitor and init are gone has ended") {
    test::Scratch const scratch;
    auto state = full_state();
    state.monitor_start_time += 1; // another process has that pid now
    SECTION("init lives on: it still runs") {
        REQUIRE_OK(write_state(scratch.path, state));
        CHECK(find_state(scratch.path).value()->status == Status::running);
    }
    SECTION("init is gone too") {
        state.start_time += 1;
        REQUIRE_OK(write_state(scratch.path, state));
        auto const found = find_state(scratch.path).value();
        CHECK(found->status == Status::exited);
        CHECK(found->exit_code == 137);
        CHECK(found->pid == 0);
        CHECK(found->error.find("was killed") != std::string::npos);
    }
    SECTION("between two runs") {
        state.status = Status::restarting;
        state.pid = 0;
        REQUIRE_OK(write_state(scratch.path, state));
        CHECK(find_state(scratch.path).value()->status == Status::exited);
    }
    SECTION("an exited one keeps its code") {
        state.status = Status::exited;
        state.start_time += 1;
        REQUIRE_OK(write_state(scratch.path, state));
        CHECK(find_state(scratch.path).value()->exit_code == 3);
    }
}

TEST_CASE("a damaged state names the file and the field") {
    test::Scratch const scratch;
    auto const path = scratch.path / "state.json";
    REQUIRE_OK(write_file(path, R"({"status":"running","pid":"x"})", 0600, Durability::none));
    CHECK(find_state(scratch.path).error().text() == fmt::format("read '{}': field 'pid' is a string, not a whole number", path));
    REQUIRE_OK(write_file(path, R"({"status":"dancing"})", 0600, Durability::none));
    CHECK(find_state(scratch.path).error().text().find("field 'status' is 'dancing'") != std::string::npos);
    REQUIRE_OK(write_file(path, "", 0600, Durability::none));
    CHECK_FALSE(find_state(scratch.path).ok());
}
