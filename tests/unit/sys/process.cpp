#include "catch.h"

#include <csignal>
#include <unistd.h>

#include "sys/channel.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "sys/process.h"
#include "sys/users.h"

using namespace bolt;

namespace {
HostPath path(std::string_view text) { return HostPath::parse(text).value(); }
} // namespace

TEST_CASE("a spawned program gets its streams, its descriptors and nothing else") {
    auto pipe = make_pipe().value();
    SpawnOptions options;
    options.arguments = {"sh", "-c", "ls /proc/self/fd; echo ok >&7"};
    options.output = pipe.write_end;
    options.inherited = {{pipe.write_end.number(), 7}};
    auto child = spawn(path("/bin/sh"), options).value();
    pipe.write_end.close();
    auto const said = read_to_end(pipe.read_end).value();
    CHECK(child.wait().value().code == 0);
    // 3 is ls's own listing of the directory.
    CHECK(said == "0\n1\n2\n3\n7\nok\n");
}

TEST_CASE("an exec that fails is the spawn's error") {
    SpawnOptions options;
    options.arguments = {"x"};
    CHECK(spawn(path("/no/such/program"), options).error().is(ENOENT));
    CHECK(spawn(path("/etc/passwd"), options).error().is(EACCES));
}

TEST_CASE("a child's failure and its silence are both errors") {
    auto [ours, theirs] = Channel::make_pair().value();
    auto told = clone_process({}, [&theirs = theirs] { return run_child(theirs, [] { return Result<void>(Error::of(EBUSY, "no")); }); }).value();
    auto const failure = receive_report(ours, told, "work").error();
    CHECK(failure.is(EBUSY));
    CHECK(failure.text() == "no");
    REQUIRE_OK(told.wait());

    auto silent = clone_process({}, [] { return raise(SIGKILL); }).value();
    theirs.close();
    CHECK(receive_report(ours, silent, "work").error().text() == "the child was killed by SIGKILL while it was to work");
}

TEST_CASE("descriptors travel with a message") {
    auto const [left, right] = Channel::make_pair().value();
    auto pipe = make_pipe().value();
    int const sent[] = {pipe.write_end.number()};
    REQUIRE_OK(left.send("take this", sent));
    auto received = right.receive().value();
    REQUIRE(received);
    CHECK(received->bytes == "take this");
    REQUIRE(received->descriptors.size() == 1);
    REQUIRE_OK(write_all(received->descriptors[0], "hello"));
    pipe.write_end.close();
    received->descriptors.clear();
    CHECK(read_to_end(pipe.read_end).value() == "hello");
}

TEST_CASE("a process is told from another with the same pid") {
    auto const start = start_time_of(getpid()).value();
    CHECK(find_process(getpid(), start).value());
    CHECK_FALSE(find_process(getpid(), start + 1).value());
    CHECK_FALSE(find_process(0, 1).value());
}

TEST_CASE("signals by every name that people write") {
    CHECK(parse_signal("SIGTERM").value() == SIGTERM);
    CHECK(parse_signal("kill").value() == SIGKILL);
    CHECK(parse_signal("15").value() == 15);
    CHECK(parse_signal("RTMIN+3").value() == SIGRTMIN + 3);
    CHECK(parse_signal("SIGRTMAX-1").value() == SIGRTMAX - 1);
    for (auto const* const bad : {"", "NOPE", "0", "65", "RTMIN+99", "SIG"}) {
        INFO(bad);
        CHECK_FALSE(parse_signal(bad).ok());
    }
}

TEST_CASE("an exclusive lock names its holder") {
    char name[] = "/tmp/bolt-lock-XXXXXX";
    auto const directory = path(mkdtemp(name));
    auto held = FileLock::acquire(directory / "lock", LockMode::exclusive, std::chrono::milliseconds(0)).value();
    auto const refused = FileLock::acquire(directory / "lock", LockMode::shared, std::chrono::milliseconds(5));
    CHECK(refused.error().text().ends_with(fmt::format("is locked by process {}", getpid())));
    held.release();
    CHECK(FileLock::find(directory / "lock", LockMode::exclusive).value());
    REQUIRE_OK(remove_tree(directory));
}

TEST_CASE("users and their subordinate ranges") {
    auto const users = parse_passwd("root:x:0:0:root:/root:/bin/sh\nbad line\nweb:x:33:34::/var/www:\n");
    REQUIRE(users.size() == 2);
    CHECK(users[1].gid == 34);
    CHECK(parse_group("adm:x:4:a,b\n")[0].members == std::vector<std::string>{"a", "b"});
    auto const ranges = parse_subordinate_ranges("# c\nme:100000:65536\n1000:300000:10\nyou:1:1\n", "me", 1000);
    REQUIRE(ranges.size() == 2);
    CHECK(ranges[1].first == 300000);
}

TEST_CASE("what a peer said is heard though it ended with something unread", "[sys][channel]") {
    auto made = Channel::make_pair();
    REQUIRE_OK(made);
    auto& [ours, theirs] = made.value();
    REQUIRE_OK(ours.send("never read"));
    REQUIRE_OK(theirs.send("the reason"));
    theirs.close();
    auto const heard = ours.receive();
    REQUIRE_OK(heard);
    REQUIRE(heard.value());
    CHECK(heard.value()->bytes == "the reason");
    auto const end = ours.receive();
    REQUIRE_OK(end);
    CHECK_FALSE(end.value());
}
