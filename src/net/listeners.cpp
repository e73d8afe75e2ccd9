#include "net/listeners.h"

#include <algorithm>

#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"

namespace bolt::net {

namespace {

constexpr int listen_queue = 4096; // the kernel cuts it at net.core.somaxconn

Result<UniqueFd> bind_one(SocketAddress const& to, Protocol protocol) {
    auto socket = TRY(make_ip_socket(to.address.family(), protocol == Protocol::tcp ? SocketKind::stream : SocketKind::datagram));
    // Not for UDP: there the flag would let two processes share the port, silently.
    if (protocol == Protocol::tcp) TRY(set_reuse_address(socket));
    TRY(bind_socket(socket, to));
    if (protocol == Protocol::tcp)
        TRY(listen_on(socket, listen_queue));
    else
        TRY(tell_destinations(socket, to.address.family()));
    return socket;
}

std::string publish_option(PublishedPort const& port, unsigned host_port) {
    auto const address = port.address.empty()                               ? std::string()
                         : port.address.find(':') == std::string::npos ? port.address + ":"
                                                                       : "[" + port.address + "]:";
    return fmt::format("-p {}{}:{}{}", address, host_port, port.container_port, port.protocol == Protocol::udp ? "/udp" : "");
}

// The next ports above, tried by binding them; the kernel's choice when none of them is free.
std::string free_neighbour(PublishedPort const& port, SocketAddress wanted) {
    for (unsigned candidate = std::max(port.host_port + 1u, 1024u); candidate < std::min(port.host_port + 100u, 65536u); ++candidate) {
        wanted.port = static_cast<std::uint16_t>(candidate);
        if (bind_one(wanted, port.protocol)) return publish_option(port, candidate);
    }
    return publish_option(port, 0);
}

Error taken(PublishedPort const& port, SocketAddress const& wanted) {
    auto const holder = find_port_holder(port.protocol, wanted);
    if (holder && holder->pid == getpid()) return Error::of(EADDRINUSE, "port {}/{} is published twice", port.host_port, protocol_name(port.protocol));
    auto const who = !holder            ? std::string("another process")
                     : holder->pid == 0 ? fmt::format("a process of user id {} (only root may see which)", holder->uid)
                                        : fmt::format("{} (pid {})", holder->name, holder->pid);
    return Error::of(EADDRINUSE, "port {} is already used by {}; choose another host port, e.g. {}", port.host_port, who, free_neighbour(port, wanted));
}

Error not_allowed(PublishedPort const& port) {
    auto const text = read_file(HostPath() / "proc/sys/net/ipv4/ip_unprivileged_port_start");
    auto const first = text ? std::string(trim(text.value())) : "1024";
    return Error::of(EACCES,
                     "port {} is only for root: ordinary users may publish ports from {} on; choose e.g. {}, or as root: sysctl "
                     "net.ipv4.ip_unprivileged_port_start={}",
                     port.host_port, first, publish_option(port, port.host_port + 8000u), port.host_port);
}

Error explain(Error error, PublishedPort const& port, SocketAddress const& wanted) {
    if (error.is(EADDRINUSE)) return taken(port, wanted);
    if (error.is(EACCES)) return not_allowed(port);
    if (error.is(EADDRNOTAVAIL))
        return Error::of(EADDRNOTAVAIL, "address {} is not one of this host's; 'ip address' lists them, or leave it out to publish on all of them",
                         wanted.address.text());
    error.prefix(fmt::format("publish port {}", format_published(port)));
    return error;
}

bool lacks_family(Error const& error) { return error.is(EAFNOSUPPORT) || error.is(EADDRNOTAVAIL); }

// Both families on one number. With a number that the kernel chooses for IPv4, IPv6 may find it taken: `retry` then.
enum class Outcome { bound, retry };
Result<Outcome> bind_all_addresses(PublishedPort& port, std::vector<Listener>& listeners) {
    bool const chosen = port.host_port == 0;
    std::vector<Listener> made;
    for (auto const family : {IpFamily::v4, IpFamily::v6}) {
        SocketAddress const wanted{IpAddress::any(family), port.host_port};
        auto socket = bind_one(wanted, port.protocol);
        if (!socket && lacks_family(socket.error()) && (family == IpFamily::v4 || !made.empty())) continue;
        if (!socket && chosen && !made.empty() && socket.error().is(EADDRINUSE)) {
            port.host_port = 0;
            return Outcome::retry;
        }
        if (!socket) return explain(std::move(socket).error(), port, wanted);
        port.host_port = TRY(local_address(socket.value())).port;
        made.push_back({std::move(socket).value(), port, family});
    }
    std::move(made.begin(), made.end(), std::back_inserter(listeners));
    return Outcome::bound;
}

Result<void> bind_port(PublishedPort& port, std::vector<Listener>& listeners) {
    if (!port.address.empty()) {
        SocketAddress const wanted{TRY(IpAddress::parse(port.address)), port.host_port};
        auto socket = bind_one(wanted, port.protocol);
        if (!socket) return explain(std::move(socket).error(), port, wanted);
        port.host_port = TRY(local_address(socket.value())).port;
        listeners.push_back({std::move(socket).value(), port, wanted.address.family()});
        return {};
    }
    for (int attempts = 16; attempts > 0; --attempts)
        if (TRY(bind_all_addresses(port, listeners)) == Outcome::bound) return {};
    return Error::of(EADDRINUSE, "no port is free in both IPv4 and IPv6; choose one with {}", publish_option(port, 8080));
}

} // namespace

Result<std::vector<Listener>> open_listeners(std::vector<PublishedPort>& ports) {
    std::vector<Listener> listeners;
    for (auto& port : ports) TRY(bind_port(port, listeners));
    return listeners;
}

} // namespace bolt::net
