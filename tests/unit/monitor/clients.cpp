#include "../../catch.h"

#include <csignal>

#include "monitor/clients.h"

using namespace bolt;
using namespace bolt::monitor;

namespace {
struct Party {
    EventLoop loop = EventLoop::make().value();
    std::vector<Incoming> received;
    int gone = 0;
    Clients clients{loop,
                    {.message = [this](ClientPtr const&, Incoming incoming) { received.push_back(std::move(incoming)); },
                     .gone = [this](ClientPtr const&) { ++gone; },
                     .pace_changed = [] {}}};

    Channel connect(bool foreground) {
        auto [ours, theirs] = Channel::make_pair().value();
        REQUIRE_OK(clients.add(std::move(theirs), foreground));
        return std::move(ours);
    }
    void run_for(std::chrono::milliseconds time) {
        auto timer = loop.after(time, [this] { loop.stop(); });
        REQUIRE_OK(loop.run());
        loop.cancel(timer);
    }
};

std::string const piece = "O" + std::string(30'000, 'x');
} // namespace

TEST_CASE("messages are framed by type, payload and descriptors") {
    auto [one, other] = Channel::make_pair().value();
    int const passed = 0;
    REQUIRE_OK(send(one, Type::exec, "{}", {&passed, 1}));
    REQUIRE_OK(send(one, Type::start));
    auto const first = receive(other).value();
    REQUIRE(first);
    CHECK(first->type == Type::exec);
    CHECK(first->payload == "{}");
    CHECK(first->descriptors.size() == 1);
    CHECK(receive(other).value()->payload.empty());
    one.close();
    CHECK_FALSE(receive(other).value());
}

TEST_CASE("the foreground client's pace is felt, and nothing of its output is lost") {
    Party party;
    auto const client = party.connect(true);
    party.clients.all().front()->gets_output = true;
    int sent = 0;
    while (!party.clients.is_congested()) {
        party.clients.post_output(piece);
        ++sent;
    }
    CHECK(party.clients.all().front()->queue.size() == 1);
    for (int got = 0; got < sent; ++got) {
        auto const incoming = receive(client).value();
        REQUIRE(incoming);
        CHECK(incoming->payload.size() == piece.size() - 1);
        party.run_for(std::chrono::milliseconds(2));
    }
    CHECK_FALSE(party.clients.is_congested());
    CHECK(party.clients.is_idle());
}

TEST_CASE("another client that does not read is told and detached, the rest goes on") {
    Party party;
    auto const slow = party.connect(false);
    auto const quick = party.connect(false);
    for (auto const& client : party.clients.all()) client->gets_output = true;
    int quick_got = 0;
    for (int i = 0; i < 60; ++i) { // 1.8 MB
        party.clients.post_output(piece);
        CHECK(receive(quick).value()->type == Type::output);
        ++quick_got;
    }
    CHECK(quick_got == 60);
    CHECK_FALSE(party.clients.is_congested());
    CHECK(party.clients.all().front()->queued <= Clients::longest_queue + 1000);
    Type last{};
    for (;;) {
        party.run_for(std::chrono::milliseconds(2));
        auto const incoming = receive(slow).value();
        last = incoming->type;
        if (last == Type::failed) {
            CHECK(incoming->payload.find("behind") != std::string::npos);
            break;
        }
    }
    CHECK(last == Type::failed);
}

TEST_CASE("a client that goes is noticed; a held one is not read until it is released") {
    Party party;
    auto client = party.connect(false);
    REQUIRE_OK(send(client, Type::input, "1"));
    party.run_for(std::chrono::milliseconds(5));
    REQUIRE(party.received.size() == 1);
    party.clients.hold(party.clients.all().front());
    REQUIRE_OK(send(client, Type::input, "2"));
    party.run_for(std::chrono::milliseconds(5));
    CHECK(party.received.size() == 1);
    party.clients.release_held();
    party.run_for(std::chrono::milliseconds(5));
    CHECK(party.received.size() == 2);
    client.close();
    party.run_for(std::chrono::milliseconds(5));
    CHECK(party.gone == 1);
    CHECK(party.clients.all().empty());
}

TEST_CASE("what was sent arrives although the peer was still sending at the end") {
    Party party;
    auto const client = party.connect(true);
    party.clients.post(party.clients.all().front(), Type::exited, "{}");
    REQUIRE_OK(send(client, Type::input, "too late"));
    party.clients.close_all();
    auto const last = receive(client).value();
    REQUIRE(last);
    CHECK(last->type == Type::exited);
    CHECK_FALSE(receive(client).value());
    CHECK_FALSE(send(client, Type::input, "far too late").ok());
}
