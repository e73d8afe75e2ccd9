#include "../../catch.h"

#include "oci/memory_events.h"

using namespace bolt::oci;

TEST_CASE("the memory cgroup is the container's own or none") {
    CHECK(memory_cgroup_of(bolt::parse_cgroup_memberships("0::/user.slice/bolt-abc.scope\n"), "abc")->text() == "/sys/fs/cgroup/user.slice/bolt-abc.scope");
    CHECK_FALSE(memory_cgroup_of(bolt::parse_cgroup_memberships("0::/user.slice/session-1.scope\n"), "abc"));
    CHECK(memory_cgroup_of(bolt::parse_cgroup_memberships("9:name=systemd:/\n4:memory:/bolt/abc\n1:cpu,cpuacct:/bolt/abc\n0::/bolt/abc\n"), "abc")->text() == "/sys/fs/cgroup/memory/bolt/abc");
    CHECK_FALSE(memory_cgroup_of(bolt::parse_cgroup_memberships("4:memory:/\n0::/\n"), ""));
    CHECK_FALSE(memory_cgroup_of(bolt::parse_cgroup_memberships(""), "abc"));
}

TEST_CASE("a cgroup's directories stand for one path") {
    auto const paths = [](std::vector<std::string> const& texts) {
        std::vector<bolt::HostPath> made;
        for (auto const& text : texts) made.push_back(bolt::HostPath::parse(text).value());
        return made;
    };
    CHECK(cgroup_path_of(paths({})).empty());
    CHECK(cgroup_path_of(paths({"/sys/fs/cgroup/user.slice/bolt-abc"})) == "/user.slice/bolt-abc");
    CHECK(cgroup_path_of(paths({"/sys/fs/cgroup/cpu/bolt/abc", "/sys/fs/cgroup/memory/bolt/abc"})) == "/bolt/abc");
    CHECK(MemoryEvents::of_directories(paths({"/sys/fs/cgroup/cpu/bolt/abc", "/sys/fs/cgroup/memory/bolt/abc"})).directory->text() ==
          "/sys/fs/cgroup/memory/bolt/abc");
    CHECK(MemoryEvents::of_directories(paths({"/nonexistent/cgroup"})).kills() == 0);
}

TEST_CASE("kills are read from either version's file") {
    CHECK(parse_memory_kills("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n") == 2);
    CHECK(parse_memory_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n") == 5);
    CHECK(parse_memory_kills("oom_kill_disable 0\nunder_oom 0\n") == 0);
    CHECK(parse_memory_kills("") == 0);
}
