#include "sys/socket.h"

#include <algorithm>

#include <arpa/inet.h>
#include <netinet/tcp.h>

namespace bolt {

namespace {

// A sockaddr of either family, for the kernel to read or to fill.
union RawAddress {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
};

struct RawWithLength {
    RawAddress raw{};
    socklen_t length = sizeof(RawAddress);
};

RawWithLength raw_of(SocketAddress const& from) {
    RawWithLength result;
    if (from.address.family() == IpFamily::v4) {
        result.raw.v4 = {.sin_family = AF_INET, .sin_port = htons(from.port), .sin_addr = from.address.v4(), .sin_zero = {}};
        result.length = sizeof(sockaddr_in);
    } else {
        result.raw.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(from.port), .sin6_flowinfo = 0, .sin6_addr = from.address.v6(), .sin6_scope_id = 0};
        result.length = sizeof(sockaddr_in6);
    }
    return result;
}

SocketAddress address_of(RawAddress const& raw) {
    if (raw.any.sa_family == AF_INET6) return {IpAddress(raw.v6.sin6_addr), ntohs(raw.v6.sin6_port)};
    return {IpAddress(raw.v4.sin_addr), ntohs(raw.v4.sin_port)};
}

Result<void> set_flag(FdRef socket, int level, int name, char const* what) {
    int const one = 1;
    if (setsockopt(socket.number(), level, name, &one, sizeof one) < 0) return Error::from_errno("set {} on a socket", what);
    return {};
}

} // namespace

IpAddress::IpAddress(in_addr address) { std::memcpy(bytes_.data(), &address, sizeof address); }

IpAddress::IpAddress(in6_addr const& address) : family_(IpFamily::v6) { std::memcpy(bytes_.data(), &address, sizeof address); }

Result<IpAddress> IpAddress::parse(std::string_view text) {
    std::string const terminated(text);
    IpAddress result;
    if (terminated.find('\0') == std::string::npos) {
        if (inet_pton(AF_INET, terminated.c_str(), result.bytes_.data()) == 1) return result;
        result.family_ = IpFamily::v6;
        if (inet_pton(AF_INET6, terminated.c_str(), result.bytes_.data()) == 1) return result;
    }
    return Error::of(EINVAL, "'{}' is not an IPv4 or IPv6 address", text);
}

IpAddress IpAddress::any(IpFamily family) { return family == IpFamily::v4 ? IpAddress(in_addr{INADDR_ANY}) : IpAddress(in6addr_any); }

IpAddress IpAddress::loopback(IpFamily family) {
    return family == IpFamily::v4 ? IpAddress(in_addr{htonl(INADDR_LOOPBACK)}) : IpAddress(in6addr_loopback);
}

std::optional<IpAddress> IpAddress::find_in(sockaddr const* address) {
    if (address == nullptr) return std::nullopt;
    RawAddress raw{};
    if (address->sa_family == AF_INET)
        std::memcpy(&raw, address, sizeof raw.v4);
    else if (address->sa_family == AF_INET6)
        std::memcpy(&raw, address, sizeof raw.v6);
    else
        return std::nullopt;
    return address_of(raw).address;
}

in_addr IpAddress::v4() const {
    in_addr result;
    std::memcpy(&result, bytes_.data(), sizeof result);
    return result;
}

in6_addr IpAddress::v6() const {
    in6_addr result;
    std::memcpy(&result, bytes_.data(), sizeof result);
    return result;
}

bool IpAddress::is_any() const { return *this == any(family_); }

bool IpAddress::is_loopback() const { return family_ == IpFamily::v4 ? bytes_[0] == 127 : *this == loopback(IpFamily::v6); }

bool IpAddress::is_link_local() const {
    return family_ == IpFamily::v4 ? bytes_[0] == 169 && bytes_[1] == 254 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

std::string IpAddress::text() const {
    char buffer[INET6_ADDRSTRLEN]{};
    inet_ntop(family_ == IpFamily::v4 ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
    return buffer;
}

std::string SocketAddress::text() const {
    return address.family() == IpFamily::v4 ? fmt::format("{}:{}", address.text(), port) : fmt::format("[{}]:{}", address.text(), port);
}

Result<UniqueFd> make_ip_socket(IpFamily family, SocketKind kind) {
    UniqueFd made(socket(family == IpFamily::v4 ? AF_INET : AF_INET6,
                         (kind == SocketKind::stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!made.is_open()) return Error::from_errno("make an {} socket", family == IpFamily::v4 ? "IPv4" : "IPv6");
    if (family == IpFamily::v6) TRY(set_flag(made, IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY"));
    return made;
}

Result<void> bind_socket(FdRef socket, SocketAddress const& to) {
    auto const [raw, length] = raw_of(to);
    if (bind(socket.number(), &raw.any, length) < 0) return Error::from_errno("bind to {}", to.text());
    return {};
}

Result<void> listen_on(FdRef socket, int backlog) {
    if (listen(socket.number(), backlog) < 0) return Error::from_errno("listen on a socket");
    return {};
}

Result<void> start_connecting(FdRef socket, SocketAddress const& to) {
    auto const [raw, length] = raw_of(to);
    while (connect(socket.number(), &raw.any, length) < 0) {
        if (errno == EINPROGRESS) return {};
        if (errno != EINTR) return Error::from_errno("connect to {}", to.text());
    }
    return {};
}

int pending_error(FdRef socket) {
    int code = 0;
    socklen_t length = sizeof code;
    if (getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &code, &length) < 0) return errno;
    return code;
}

Result<SocketAddress> local_address(FdRef socket) {
    RawWithLength own;
    if (getsockname(socket.number(), &own.raw.any, &own.length) < 0) return Error::from_errno("read a socket's own address");
    return address_of(own.raw);
}

Result<SocketAddress> peer_address(FdRef socket) {
    RawWithLength peer;
    if (getpeername(socket.number(), &peer.raw.any, &peer.length) < 0) return Error::from_errno("read the address of a socket's peer");
    return address_of(peer.raw);
}

Result<Accepted> accept_connection(FdRef listener) {
    RawWithLength peer;
    UniqueFd accepted;
    do accepted = UniqueFd(accept4(listener.number(), &peer.raw.any, &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    while (!accepted.is_open() && errno == EINTR);
    if (!accepted.is_open()) return Error::from_errno("accept a connection");
    return Accepted{std::move(accepted), address_of(peer.raw)};
}

Result<void> set_reuse_address(FdRef socket) { return set_flag(socket, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR"); }

void set_no_delay(FdRef socket) {
    int const one = 1;
    setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); // fails only on what is no TCP socket
}

void set_reset_on_close(FdRef socket) {
    linger const at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket.number(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once); // fails only on what is no socket
}

void end_sending(FdRef socket) { shutdown(socket.number(), SHUT_WR); }

ssize_t send_bytes(FdRef socket, std::span<char const> bytes) {
    ssize_t length{};
    do length = send(socket.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    while (length < 0 && errno == EINTR);
    return length < 0 ? -errno : length;
}

ssize_t receive_bytes(FdRef socket, std::span<char> buffer) {
    ssize_t length{};
    do length = recv(socket.number(), buffer.data(), buffer.size(), 0);
    while (length < 0 && errno == EINTR);
    return length < 0 ? -errno : length;
}

Result<void> tell_destinations(FdRef socket, IpFamily family) {
    if (family == IpFamily::v4) return set_flag(socket, IPPROTO_IP, IP_PKTINFO, "IP_PKTINFO");
    return set_flag(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, "IPV6_RECVPKTINFO");
}

namespace {
constexpr std::size_t packet_information = std::max(CMSG_SPACE(sizeof(in_pktinfo)), CMSG_SPACE(sizeof(in6_pktinfo)));
}

Result<Datagram> receive_datagram(FdRef socket, std::span<char> buffer) {
    RawWithLength peer;
    iovec part{buffer.data(), buffer.size()};
    alignas(cmsghdr) char control[packet_information]{};
    msghdr message{};
    message.msg_name = &peer.raw;
    message.msg_namelen = peer.length;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t length{};
    while ((length = recvmsg(socket.number(), &message, 0)) < 0)
        if (errno != EINTR) return Error::from_errno("receive a datagram");
    Datagram received{.length = static_cast<std::size_t>(length), .from = address_of(peer.raw), .to = std::nullopt};
    for (auto* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            in_pktinfo told;
            std::memcpy(&told, CMSG_DATA(header), sizeof told);
            received.to = IpAddress(told.ipi_spec_dst); // ours, where ipi_addr may be a broadcast address
        } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo told;
            std::memcpy(&told, CMSG_DATA(header), sizeof told);
            received.to = IpAddress(told.ipi6_addr);
            if (received.from.address.is_link_local()) received.interface = told.ipi6_ifindex;
        }
    }
    return received;
}

Result<void> send_datagram(FdRef socket, std::span<char const> bytes, Datagram const& answered) {
    auto peer = raw_of(answered.from);
    if (answered.interface != 0) peer.raw.v6.sin6_scope_id = answered.interface;
    iovec part{const_cast<char*>(bytes.data()), bytes.size()}; // sendmsg does not write to it
    alignas(cmsghdr) char control[packet_information]{};
    msghdr message{};
    message.msg_name = &peer.raw;
    message.msg_namelen = peer.length;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (answered.to) {
        message.msg_control = control;
        auto const put = [&](int level, int type, auto const& value) {
            message.msg_controllen = CMSG_SPACE(sizeof value);
            auto* const header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = level;
            header->cmsg_type = type;
            header->cmsg_len = CMSG_LEN(sizeof value);
            std::memcpy(CMSG_DATA(header), &value, sizeof value);
        };
        if (answered.to->family() == IpFamily::v4)
            put(IPPROTO_IP, IP_PKTINFO, in_pktinfo{.ipi_ifindex = 0, .ipi_spec_dst = answered.to->v4(), .ipi_addr = {}});
        else
            put(IPPROTO_IPV6, IPV6_PKTINFO, in6_pktinfo{.ipi6_addr = answered.to->v6(), .ipi6_ifindex = answered.interface});
    }
    while (sendmsg(socket.number(), &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return Error::from_errno("send a datagram to {}", answered.from.text());
    return {};
}

} // namespace bolt
