#include "catch.h"

#include "net/network.h"

using namespace bolt;
using net::Mode;

TEST_CASE("words for networks") {
    for (auto const* const word : {"pasta", "", "default", "private", "bridge"}) {
        auto const mode = net::parse_mode(word);
        REQUIRE_OK(mode);
        CHECK(mode.value() == Mode::pasta);
    }
    CHECK(net::parse_mode("none").value() == Mode::none);
    CHECK(net::parse_mode("host").value() == Mode::host);
    auto const unknown = net::parse_mode("slirp4netns");
    REQUIRE_FALSE(unknown.ok());
    CHECK(unknown.error().is(EINVAL));
    CHECK(unknown.error().text() == "network 'slirp4netns' is not known; there are none, host and pasta");
    CHECK(net::mode_name(Mode::pasta) == "pasta");
    CHECK(net::mode_name(Mode::none) == "none");
    CHECK(net::mode_name(Mode::host) == "host");
}

TEST_CASE("hosts of a container") {
    CHECK(net::hosts_file({.hostname = "web", .address = "192.0.2.7", .added = {{"db", "192.0.2.9"}}, .host_text = "127.0.0.1 secret\n"}) ==
          "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n192.0.2.9\tdb\n192.0.2.7\tweb\n");
    CHECK(net::hosts_file({.mode = Mode::none, .hostname = "web", .address = "", .added = {}, .host_text = ""}).ends_with("127.0.1.1\tweb\n"));
    CHECK(net::hosts_file({.mode = Mode::host, .hostname = "web", .address = "", .added = {{"db", "::1"}}, .host_text = "127.0.0.1 box"}) ==
          "127.0.0.1 box\n::1\tdb\n");
}

TEST_CASE("added hosts") {
    auto const entry = net::parse_host_entry("db:192.0.2.9");
    REQUIRE_OK(entry);
    CHECK(entry.value().name == "db");
    CHECK(entry.value().address == "192.0.2.9");
    CHECK(net::parse_host_entry("db:2001:db8::1").value().address == "2001:db8::1");
    CHECK(net::parse_host_entry("db=[2001:db8::1]").value().address == "2001:db8::1");
    for (auto const* const wrong : {"db", ":192.0.2.9", "db:", "db:host", "a b:192.0.2.1", "a\nb:192.0.2.1"}) {
        auto const refused = net::parse_host_entry(wrong);
        REQUIRE_FALSE(refused.ok());
        CHECK(refused.error().is(EINVAL));
    }
}

TEST_CASE("nameservers of the host, inside") {
    constexpr auto text = "# made by hand\nsearch example.org lan\nnameserver 192.0.2.53\nnameserver 127.0.0.53\nnameserver ::1\n"
                          "nameserver fe80::1%eth0\noptions edns0 trust-ad\noptions ndots:2\n";
    CHECK(net::resolv_conf(text, Mode::pasta, {}) ==
          "search example.org lan\nnameserver 192.0.2.53\nnameserver 169.254.1.1\noptions edns0 trust-ad ndots:2\n");
    CHECK(net::resolv_conf(text, Mode::none, {}) == "search example.org lan\noptions edns0 trust-ad ndots:2\n");
    CHECK(net::resolv_conf("nameserver 127.0.0.53\n", Mode::host, {}) == "nameserver 127.0.0.53\n");
    CHECK(net::resolv_conf("", Mode::pasta, {}) == "nameserver 169.254.1.1\n");
    CHECK(net::resolv_conf("domain a\nsearch b c\n", Mode::none, {}) == "search b c\n");
}

TEST_CASE("nameservers that were asked for") {
    CHECK(net::resolv_conf("nameserver 127.0.0.53\nsearch lan\noptions edns0\n", Mode::none,
                           {.servers = {"192.0.2.1", "192.0.2.2"}, .searches = {"example.org"}, .options = {"ndots:1"}}) ==
          "search example.org\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions ndots:1\n");
    CHECK(net::resolv_conf("search lan\n", Mode::none, {.servers = {}, .searches = {"."}, .options = {}}) == "");
}
