#include "sys/unix_socket.h"

#include <cstddef>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sys/file.h"

namespace bolt {

namespace {

// An address that holds as long as this lives: one that is too long goes through its directory's descriptor.
struct Address {
    UniqueFd directory;
    sockaddr_un name{};
    sockaddr const* get() const { return reinterpret_cast<sockaddr const*>(&name); }
};
Result<Address> address_of(HostPath const& path) {
    Address address;
    address.name.sun_family = AF_UNIX;
    auto text = path.text();
    if (text.size() >= sizeof address.name.sun_path) {
        address.directory = TRY(open_file(path.parent(), O_PATH | O_DIRECTORY));
        text = fmt::format("/proc/self/fd/{}/{}", address.directory.number(), path.name());
    }
    if (text.size() >= sizeof address.name.sun_path) return Error::from_code(ENAMETOOLONG, fmt::format("socket '{}'", path));
    std::memcpy(address.name.sun_path, text.c_str(), text.size() + 1);
    return address;
}

Result<UniqueFd> make_socket(UnixSocketKind kind) {
    UniqueFd made(socket(AF_UNIX, (kind == UnixSocketKind::stream ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC, 0));
    if (!made.is_open()) return Error::from_errno("make a socket");
    return made;
}

} // namespace

Result<UniqueFd> listen_at(HostPath const& path, UnixSocketKind kind, int backlog) {
    auto const address = TRY(address_of(path));
    auto listener = TRY(make_socket(kind));
    if (bind(listener.number(), address.get(), sizeof address.name) < 0) return Error::from_errno("make the socket '{}'", path);
    if (listen(listener.number(), backlog) < 0) return Error::from_errno("listen at '{}'", path);
    return listener;
}

Result<UniqueFd> connect_to(HostPath const& path, UnixSocketKind kind) {
    auto const address = TRY(address_of(path));
    auto connection = TRY(make_socket(kind));
    int connected = 0;
    do connected = connect(connection.number(), address.get(), sizeof address.name);
    while (connected < 0 && errno == EINTR);
    if (connected < 0) return Error::from_errno("connect to the socket '{}'", path);
    return connection;
}

Result<UniqueFd> receive_at(HostPath const& path) {
    auto const address = TRY(address_of(path));
    UniqueFd receiver(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!receiver.is_open()) return Error::from_errno("make a socket");
    if (bind(receiver.number(), address.get(), sizeof address.name) < 0) return Error::from_errno("make the socket '{}'", path);
    return receiver;
}

namespace {

// A message with at most one descriptor. It refers to itself and stays where it is.
class OneMessage {
public:
    OneMessage(std::string_view text, FdRef passed) : content_{const_cast<char*>(text.data()), text.size()} { // sendmsg does not write to it
        message_.msg_iov = &content_;
        message_.msg_iovlen = 1;
        if (passed.number() < 0) return;
        message_.msg_control = room_;
        message_.msg_controllen = sizeof room_;
        auto* const header = CMSG_FIRSTHDR(&message_);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        int const number = passed.number();
        std::memcpy(CMSG_DATA(header), &number, sizeof number);
    }
    OneMessage(OneMessage const&) = delete;
    OneMessage& operator=(OneMessage const&) = delete;
    ~OneMessage() = default;

    msghdr& get() { return message_; }

private:
    iovec content_;
    alignas(cmsghdr) char room_[CMSG_SPACE(sizeof(int))]{};
    msghdr message_{};
};

} // namespace

Result<void> send_last(FdRef connection, std::string_view text, FdRef passed) {
    while (!text.empty()) {
        OneMessage message(text, passed);
        auto const sent = sendmsg(connection.number(), &message.get(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return Error::from_errno("send to the socket");
        text.remove_prefix(static_cast<std::size_t>(sent));
        passed = FdRef(-1);
    }
    if (shutdown(connection.number(), SHUT_RDWR) < 0) return Error::from_errno("end what is sent to the socket");
    return {};
}

Result<void> send_to(std::string_view address, std::string_view text, FdRef passed) {
    Address to{};
    socklen_t length = sizeof to.name;
    if (address.starts_with('@')) {
        if (address.size() > sizeof to.name.sun_path) return Error::from_code(ENAMETOOLONG, fmt::format("socket '{}'", address));
        to.name.sun_family = AF_UNIX;
        std::memcpy(to.name.sun_path + 1, address.data() + 1, address.size() - 1);
        length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
    } else {
        to = TRY(address_of(TRY(HostPath::parse(address))));
    }
    UniqueFd const sender(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!sender.is_open()) return Error::from_errno("make a socket");
    OneMessage message(text, passed);
    message.get().msg_name = &to.name;
    message.get().msg_namelen = length;
    if (sendmsg(sender.number(), &message.get(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return Error::from_errno("send to the socket '{}'", address);
    return {};
}

Result<UniqueFd> accept_one(FdRef listener) {
    UniqueFd connection;
    do connection = UniqueFd(accept4(listener.number(), nullptr, nullptr, SOCK_CLOEXEC));
    while (!connection.is_open() && (errno == EINTR || errno == ECONNABORTED));
    if (!connection.is_open()) return Error::from_errno("accept a connection");
    return connection;
}

} // namespace bolt
