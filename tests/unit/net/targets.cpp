#include "catch.h"

#include "net/targets.h"

using namespace bolt;

namespace {
std::vector<std::string> targets(std::vector<std::string> const& own, IpFamily client) {
    std::vector<IpAddress> addresses;
    for (auto const& text : own) {
        auto const address = IpAddress::parse(text);
        REQUIRE_OK(address);
        addresses.push_back(address.value());
    }
    std::vector<std::string> texts;
    for (auto const& chosen : net::choose_targets(addresses, client)) texts.push_back(chosen.text());
    return texts;
}
using Texts = std::vector<std::string>;
} // namespace

TEST_CASE("a client is led to the container's own address, of its family first") {
    Texts const own{"127.0.0.1", "::1", "fe80::1", "169.254.3.4", "192.0.2.7", "2001:db8::7", "192.0.2.8"};
    CHECK(targets(own, IpFamily::v4) == Texts{"192.0.2.7", "2001:db8::7"});
    CHECK(targets(own, IpFamily::v6) == Texts{"2001:db8::7", "192.0.2.7"});
    CHECK(targets({"127.0.0.1", "192.0.2.7"}, IpFamily::v6) == Texts{"192.0.2.7"});
}

TEST_CASE("loopback serves only a namespace that has nothing else") {
    CHECK(targets({"127.0.0.1", "::1"}, IpFamily::v4) == Texts{"127.0.0.1", "::1"});
    CHECK(targets({}, IpFamily::v6) == Texts{"::1", "127.0.0.1"});
}
