#include "../../catch.h"

#include "monitor/memory_events.h"

using namespace bolt::monitor;

TEST_CASE("the memory cgroup is the container's own or none") {
    CHECK(memory_cgroup_of("0::/user.slice/bolt-abc.scope\n", "abc") == "user.slice/bolt-abc.scope");
    CHECK(memory_cgroup_of("0::/user.slice/session-1.scope\n", "abc").empty());
    CHECK(memory_cgroup_of("9:name=systemd:/\n4:memory:/bolt/abc\n1:cpu,cpuacct:/bolt/abc\n0::/bolt/abc\n", "abc") == "memory/bolt/abc");
    CHECK(memory_cgroup_of("4:memory:/\n0::/\n", "").empty());
    CHECK(memory_cgroup_of("", "abc").empty());
}

TEST_CASE("kills are read from either version's file") {
    CHECK(parse_memory_kills("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n") == 2);
    CHECK(parse_memory_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n") == 5);
    CHECK(parse_memory_kills("oom_kill_disable 0\nunder_oom 0\n") == 0);
    CHECK(parse_memory_kills("") == 0);
}
