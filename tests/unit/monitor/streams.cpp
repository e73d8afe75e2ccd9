#include "../../catch.h"

#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include "monitor/streams.h"

using namespace bolt;
using namespace bolt::monitor;

namespace {
struct Recorder {
    EventLoop loop = EventLoop::make().value();
    std::string output, error;
    bool room = false, ended = false;
    Streams streams{loop,
                    {.output = [this](std::span<char> message, Stream stream) { (stream == Stream::output ? output : error).append(message.data() + 1, message.size() - 1); },
                     .room_for_input =
                         [this] {
                             room = true;
                             loop.stop();
                         },
                     .ended =
                         [this] {
                             ended = true;
                             loop.stop();
                         }}};

    void run_for(std::chrono::milliseconds time) {
        auto timer = loop.after(time, [this] { loop.stop(); });
        REQUIRE_OK(loop.run());
        loop.cancel(timer);
    }
};
} // namespace

TEST_CASE("everything is handed out before the end, also while paused") {
    Recorder recorder;
    auto ends = recorder.streams.open(Streams::Kind::pipes, InputPolicy::none).value();
    REQUIRE_OK(recorder.streams.begin());
    recorder.streams.set_paused(true);
    std::string const much(50'000, 'x');
    REQUIRE_OK(write_all(ends.output, much));
    REQUIRE_OK(write_all(ends.error, "complaint"));
    recorder.run_for(std::chrono::milliseconds(20));
    CHECK(recorder.output.empty());
    ends = {};
    recorder.streams.finish();
    recorder.run_for(std::chrono::milliseconds(1000));
    CHECK(recorder.ended);
    CHECK(recorder.output == much);
    CHECK(recorder.error == "complaint");
}

TEST_CASE("a process outside that keeps the other end is not waited for for ever") {
    Recorder recorder;
    auto const ends = recorder.streams.open(Streams::Kind::pipes, InputPolicy::none).value();
    REQUIRE_OK(recorder.streams.begin());
    REQUIRE_OK(write_all(ends.output, "last words"));
    auto const before = std::chrono::steady_clock::now();
    recorder.streams.finish();
    recorder.run_for(std::chrono::seconds(5));
    CHECK(recorder.ended);
    CHECK(recorder.output == "last words");
    CHECK(std::chrono::steady_clock::now() - before >= Streams::longest_wait_at_end);
}

TEST_CASE("input that the container does not take is said to wait, and arrives whole") {
    Recorder recorder;
    auto const ends = recorder.streams.open(Streams::Kind::pipes, InputPolicy::open).value();
    REQUIRE_OK(recorder.streams.begin());
    CHECK(recorder.streams.put_input("small"));
    std::string const much(200'000, 'y');
    CHECK_FALSE(recorder.streams.put_input(much));
    recorder.streams.end_input();
    std::string got;
    char buffer[65536];
    while (got.size() < much.size() + 5) {
        auto const count = read_some(ends.input, buffer).value();
        got.append(buffer, count);
        recorder.run_for(std::chrono::milliseconds(5));
    }
    CHECK(recorder.room);
    CHECK(got == "small" + much);
    CHECK(read_some(ends.input, buffer).value() == 0); // and then its end
}

TEST_CASE("a container that closed its input loses it without a fuss") {
    signal(SIGPIPE, SIG_IGN);
    Recorder recorder;
    auto ends = recorder.streams.open(Streams::Kind::pipes, InputPolicy::open).value();
    REQUIRE_OK(recorder.streams.begin());
    ends.input.close();
    CHECK(recorder.streams.put_input("nobody reads this"));
    CHECK(recorder.streams.put_input("nor this"));
}

TEST_CASE("a terminal is read to its hang-up") {
    Recorder recorder;
    auto ends = recorder.streams.open(Streams::Kind::terminal, InputPolicy::open).value();
    UniqueFd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(master.is_open());
    REQUIRE(unlockpt(master.number()) == 0);
    UniqueFd slave(::open(ptsname(master.number()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(slave.is_open());
    REQUIRE_OK(recorder.streams.take_console(std::move(master)));
    REQUIRE_OK(recorder.streams.begin());
    REQUIRE_OK(write_all(slave, "hello\n"));
    CHECK(recorder.streams.put_input("typed\n"));
    char buffer[64];
    CHECK(read_some(slave, buffer).value() == 6);
    slave.close();
    recorder.streams.finish();
    recorder.run_for(std::chrono::seconds(1));
    CHECK(recorder.ended);
    CHECK(recorder.output.find("hello\r\n") != std::string::npos);
}
