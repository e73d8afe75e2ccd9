#include "net/targets.h"

#include <algorithm>

#include "sys/network_namespace.h"

namespace bolt::net {

std::vector<IpAddress> choose_targets(std::vector<IpAddress> const& own, IpFamily client) {
    std::vector<IpAddress> chosen;
    auto const add_first_of = [&](IpFamily family) {
        auto const found = std::find_if(own.begin(), own.end(), [&](IpAddress const& address) {
            return address.family() == family && !address.is_loopback() && !address.is_link_local();
        });
        if (found != own.end()) chosen.push_back(*found);
    };
    auto const other = client == IpFamily::v4 ? IpFamily::v6 : IpFamily::v4;
    add_first_of(client);
    add_first_of(other);
    if (chosen.empty()) chosen = {IpAddress::loopback(client), IpAddress::loopback(other)};
    return chosen;
}

std::vector<SocketAddress> Targets::of(IpFamily client, std::uint16_t port) {
    auto const now = std::chrono::steady_clock::now();
    if (own_.empty() || now - read_at_ > std::chrono::seconds(1)) {
        auto found = own_addresses();
        own_ = found ? std::move(found).value() : std::vector<IpAddress>(); // without them loopback is tried
        read_at_ = now;
    }
    auto const addresses = choose_targets(own_, client);
    // An interface that is about to get its address must not be missed for a second.
    if (addresses.front().is_loopback()) own_.clear();
    std::vector<SocketAddress> targets;
    for (auto const& address : addresses) targets.push_back({address, port});
    return targets;
}

bool is_worth_another_address(int code) {
    return code == ECONNREFUSED || code == ENETUNREACH || code == EHOSTUNREACH || code == EADDRNOTAVAIL || code == EAFNOSUPPORT || code == ETIMEDOUT;
}

bool is_connected_to_itself(FdRef socket) {
    auto const own = local_address(socket), peer = peer_address(socket);
    return own && peer && own.value() == peer.value();
}

} // namespace bolt::net
