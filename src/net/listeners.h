// The host's side of published ports: sockets that are bound, and good reasons when they cannot be.
#pragma once

#include <vector>

#include "base/result.h"
#include "net/port.h"
#include "sys/fd.h"
#include "sys/socket.h"

namespace bolt::net {

struct Listener {
    UniqueFd socket;
    PublishedPort port; // with the number that was chosen
    IpFamily family;
};
// All of them, or none. Fills in the numbers that the kernel chose. Errors as Forwarder::listen says.
Result<std::vector<Listener>> open_listeners(std::vector<PublishedPort>& ports);

// Who listens on a port in the calling process's network namespace.
struct PortHolder {
    uid_t uid;
    pid_t pid = 0;    // 0: not to be seen without privilege
    std::string name; // the program's, when the pid is known
};
// None when nobody is found: it may have ended meanwhile, or hold the port in another way.
std::optional<PortHolder> find_port_holder(Protocol protocol, SocketAddress const& wanted);

// A line of /proc/net/{tcp,tcp6,udp,udp6}: proc(5).
struct SocketRow {
    SocketAddress local;
    unsigned state;
    uid_t uid;
    std::uint64_t inode;
};
// None for a heading or a malformed line.
std::optional<SocketRow> parse_socket_row(std::string_view line);

} // namespace bolt::net
