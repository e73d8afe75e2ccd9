// Sockets of the internet families, always non-blocking: socket(7), ip(7), ipv6(7), tcp(7), udp(7).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/result.h"
#include "sys/fd.h"

namespace bolt {

enum class IpFamily { v4, v6 };
enum class SocketKind { stream, datagram };

// An IPv4 or IPv6 address. IPv6 scopes are not kept: they mean nothing in another namespace.
class IpAddress {
public:
    // Numeric, no brackets; EINVAL names the text.
    static Result<IpAddress> parse(std::string_view text);
    static IpAddress any(IpFamily family);
    static IpAddress loopback(IpFamily family);
    // None unless it is of the two families.
    static std::optional<IpAddress> find_in(sockaddr const* address);
    explicit IpAddress(in_addr address);
    explicit IpAddress(in6_addr const& address);

    IpFamily family() const { return family_; }
    bool is_any() const;
    bool is_loopback() const;   // 127.0.0.0/8, ::1
    bool is_link_local() const; // 169.254.0.0/16, fe80::/10
    std::string text() const;
    in_addr v4() const;         // only of that family
    in6_addr v6() const;        // only of that family
    auto operator<=>(IpAddress const&) const = default;

private:
    IpAddress() = default;
    IpFamily family_ = IpFamily::v4;
    std::array<unsigned char, 16> bytes_{}; // network order; IPv4 uses the first four
};

struct SocketAddress {
    IpAddress address;
    std::uint16_t port;
    std::string text() const; // "192.0.2.1:80", "[::1]:80"
    auto operator<=>(SocketAddress const&) const = default;
};

// IPv6 sockets take IPv6 only (IPV6_V6ONLY), so that both families can hold one port.
Result<UniqueFd> make_ip_socket(IpFamily family, SocketKind kind);
Result<void> bind_socket(FdRef socket, SocketAddress const& to);
Result<void> listen_on(FdRef socket, int backlog);
// Started, not waited for: writable says that it ended, pending_error() how.
Result<void> start_connecting(FdRef socket, SocketAddress const& to);
// SO_ERROR, which reading clears; 0 when there is none.
int pending_error(FdRef socket);
Result<SocketAddress> local_address(FdRef socket);
Result<SocketAddress> peer_address(FdRef socket); // ENOTCONN without one
// EAGAIN when nobody waits.
struct Accepted {
    UniqueFd socket;
    SocketAddress peer;
};
Result<Accepted> accept_connection(FdRef listener);

Result<void> set_reuse_address(FdRef socket); // SO_REUSEADDR: a listener may follow one that ended a moment ago
void set_no_delay(FdRef socket);              // TCP_NODELAY
void set_reset_on_close(FdRef socket);        // SO_LINGER 0: close(2) sends a reset
void end_sending(FdRef socket);               // shutdown(SHUT_WR); a peer that is gone already is no error here

// One send(2) or recv(2); the error number, negated, when it fails (-EAGAIN…): for loops that move data, where an Error's
// text would cost more than the work. SIGPIPE is not raised.
ssize_t send_bytes(FdRef socket, std::span<char const> bytes);
ssize_t receive_bytes(FdRef socket, std::span<char> buffer);

// Datagrams on a socket that many peers use: IP_PKTINFO tells to which of our addresses one came, so that the answer can
// leave from there.
Result<void> tell_destinations(FdRef socket, IpFamily family);
struct Datagram {
    std::size_t length;
    SocketAddress from;
    std::optional<IpAddress> to;
    unsigned interface = 0; // for an IPv6 link-local peer: by which interface it came, and the answer must go
};
Result<Datagram> receive_datagram(FdRef socket, std::span<char> buffer);
Result<void> send_datagram(FdRef socket, std::span<char const> bytes, Datagram const& answered);

} // namespace bolt
