// Where in its namespace a container is reached.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "base/result.h"
#include "sys/socket.h"

namespace bolt::net {

// The addresses to try, in order, for a client that came by `client`: the namespace's own of that family, then of the
// other; loopback only when there is nothing else. Pure.
std::vector<IpAddress> choose_targets(std::vector<IpAddress> const& own, IpFamily client);

// The same for the namespace where the process is now, looked up again when a second has passed.
class Targets {
public:
    std::vector<SocketAddress> of(IpFamily client, std::uint16_t port);

private:
    std::vector<IpAddress> own_;
    std::chrono::steady_clock::time_point read_at_{};
};

// Whether a failure to connect means that another address may still answer.
bool is_worth_another_address(int code);
// A connection within one namespace to a port where nobody listens can meet itself, when the kernel picks that very port
// for its own end.
bool is_connected_to_itself(FdRef socket);

} // namespace bolt::net
