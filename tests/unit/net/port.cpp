#include "catch.h"

#include "net/listeners.h"
#include "net/port.h"

using namespace bolt;
using net::format_published;
using net::parse_published;
using net::Protocol;
using net::PublishedPort;

namespace {
PublishedPort one(std::string_view text) {
    auto const ports = parse_published(text);
    REQUIRE_OK(ports);
    REQUIRE(ports.value().size() == 1);
    return ports.value()[0];
}
std::string refusal(std::string_view text) {
    auto const ports = parse_published(text);
    REQUIRE_FALSE(ports.ok());
    CHECK(ports.error().is(EINVAL));
    return ports.error().text();
}
} // namespace

TEST_CASE("published ports in docker's forms") {
    CHECK(one("8080:80") == PublishedPort{"", 8080, 80, Protocol::tcp});
    CHECK(one("80") == PublishedPort{"", 0, 80, Protocol::tcp});
    CHECK(one("0:80") == PublishedPort{"", 0, 80, Protocol::tcp});
    CHECK(one("5353:53/udp") == PublishedPort{"", 5353, 53, Protocol::udp});
    CHECK(one("127.0.0.1:8080:80") == PublishedPort{"127.0.0.1", 8080, 80, Protocol::tcp});
    CHECK(one("127.0.0.1::80") == PublishedPort{"127.0.0.1", 0, 80, Protocol::tcp});
    CHECK(one("[::1]:80:81/tcp") == PublishedPort{"::1", 80, 81, Protocol::tcp});
    CHECK(one("[::1]::81") == PublishedPort{"::1", 0, 81, Protocol::tcp});
    CHECK(one("[0:0::1]:80:81").address == "::1");
    CHECK(one(":80:81").address == "");
    CHECK(one(":80") == PublishedPort{"", 0, 80, Protocol::tcp});
    CHECK(one("53:53/UDP").protocol == Protocol::udp);
}

TEST_CASE("ranges of published ports") {
    auto const ports = parse_published("192.0.2.1:8000-8002:90-92/udp");
    REQUIRE_OK(ports);
    REQUIRE(ports.value().size() == 3);
    CHECK(ports.value()[0] == PublishedPort{"192.0.2.1", 8000, 90, Protocol::udp});
    CHECK(ports.value()[2] == PublishedPort{"192.0.2.1", 8002, 92, Protocol::udp});
    auto const chosen = parse_published("90-91");
    REQUIRE_OK(chosen);
    REQUIRE(chosen.value().size() == 2);
    CHECK(chosen.value()[1] == PublishedPort{"", 0, 91, Protocol::tcp});
    REQUIRE_OK(parse_published("1-65535:1-65535"));
}

TEST_CASE("published ports that are wrong are refused by name") {
    CHECK(refusal("") == "published port '': a port is missing; write [ADDRESS:]HOST:CONTAINER[/tcp|/udp]");
    CHECK(refusal("x:80").find("'x' is not a port from 1 to 65535") != std::string::npos);
    CHECK(refusal("80:0").find("'0' is not a port") != std::string::npos);
    CHECK(refusal("65536:80").find("'65536' is not a port") != std::string::npos);
    CHECK(refusal("99999999999999999999:80").find("is not a port") != std::string::npos);
    CHECK(refusal("-1:80").find("a port is missing") != std::string::npos);
    CHECK(refusal("80:").find("a port is missing") != std::string::npos);
    CHECK(refusal("80:80/sctp").find("'sctp' is not a protocol") != std::string::npos);
    CHECK(refusal("80:80/").find("'' is not a protocol") != std::string::npos);
    CHECK(refusal("8000-8001:80").find("2 host ports cannot lead to 1 container ports") != std::string::npos);
    CHECK(refusal("81-80:80-81").find("runs backwards") != std::string::npos);
    CHECK(refusal("localhost:80:80").find("'localhost' is not a numeric address") != std::string::npos);
    CHECK(refusal("::1:80:80").find("IPv6 goes in brackets") != std::string::npos);
    CHECK(refusal("[127.0.0.1]:80:80").find("not a numeric address") != std::string::npos);
    CHECK(refusal("[]:80:80").find("not a numeric address") != std::string::npos);
    CHECK(refusal("[::1:80:80").find("']' is missing") != std::string::npos);
    CHECK(refusal("[::1]80:80").find("':' is missing") != std::string::npos);
    CHECK(refusal("[::1]:80").find("host's port is missing") != std::string::npos);
}

TEST_CASE("whatever is taken as a published port says the same when it is written out again") {
    constexpr std::string_view letters = "0123456789::--[]/.tcpud";
    std::uint64_t state = 88172645463325252; // xorshift64: the same texts in every run
    auto const next = [&](std::uint64_t below) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state % below;
    };
    std::size_t taken = 0;
    for (int round = 0; round < 200000; ++round) {
        std::string text;
        for (auto length = next(14); length > 0; --length) text += letters[next(letters.size())];
        auto const ports = parse_published(text);
        if (!ports) {
            if (!ports.error().is(EINVAL)) FAIL(text);
            continue;
        }
        ++taken;
        for (auto const& port : ports.value()) {
            auto const address = port.address.find(':') == std::string::npos ? port.address : "[" + port.address + "]";
            auto const again = parse_published(fmt::format("{}:{}:{}/{}", address, port.host_port, port.container_port, net::protocol_name(port.protocol)));
            if (port.container_port == 0 || !again || again.value() != std::vector{port}) FAIL(text);
        }
    }
    CHECK(taken > 1000);
}

TEST_CASE("published ports as docker ps prints them") {
    CHECK(format_published({"", 8080, 80, Protocol::tcp}) == "0.0.0.0:8080->80/tcp");
    CHECK(format_published({"127.0.0.1", 53, 53, Protocol::udp}) == "127.0.0.1:53->53/udp");
    CHECK(format_published({"::1", 80, 81, Protocol::tcp}) == "[::1]:80->81/tcp");
}

TEST_CASE("rows of the kernel's socket tables") {
    auto const row = net::parse_socket_row("   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 81234 1 0000000000000000 100 0 0 10 0");
    REQUIRE(row);
    CHECK(row->local.text() == "127.0.0.1:8080");
    CHECK(row->state == 10);
    CHECK(row->uid == 33);
    CHECK(row->inode == 81234);
    auto const v6 = net::parse_socket_row("   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 77 2 0 0");
    REQUIRE(v6);
    CHECK(v6->local.text() == "[::1]:80");
    CHECK_FALSE(net::parse_socket_row("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"));
    CHECK_FALSE(net::parse_socket_row(""));
}
