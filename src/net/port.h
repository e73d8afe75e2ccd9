// Published ports: what `-p` says, and how lists show it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bolt::net {

enum class Protocol { tcp, udp };
std::string_view protocol_name(Protocol protocol); // "tcp", "udp"

// A port of the host that leads to a port of the container.
struct PublishedPort {
    std::string address;              // a numeric IPv4 or IPv6 address without brackets; "" is all of both families
    std::uint16_t host_port = 0;      // 0: the kernel chooses one
    std::uint16_t container_port = 0; // 1 to 65535
    Protocol protocol = Protocol::tcp;
    bool operator==(PublishedPort const&) const = default;
};

// Docker's -p: [ADDRESS:]HOST:CONTAINER[/tcp|/udp], CONTAINER alone, :CONTAINER or ADDRESS::CONTAINER for a port that the kernel
// chooses, ranges of one length ("8000-8010:80-90"), IPv6 addresses in brackets ("[::1]:80:80"). One element a port.
// EINVAL, in one sentence that names the text and the part that is wrong. sctp and host names are refused.
Result<std::vector<PublishedPort>> parse_published(std::string_view text);

// "0.0.0.0:8080->80/tcp" as docker's PORTS column has it; "[::1]:80->80/udp". Joining ranges is the caller's.
std::string format_published(PublishedPort const& port);

} // namespace bolt::net
