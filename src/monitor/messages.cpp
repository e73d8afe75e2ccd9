#include "monitor/messages.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sys/file.h"

namespace bolt::monitor {

Result<void> send(Channel const& channel, Type type, std::string_view payload, std::span<int const> descriptors) {
    std::string bytes;
    bytes.reserve(payload.size() + 1);
    bytes += static_cast<char>(type);
    bytes += payload;
    return channel.send(bytes, descriptors);
}

Result<std::optional<Incoming>> receive(Channel const& channel) {
    auto message = TRY(channel.receive());
    if (!message) return std::optional<Incoming>();
    if (message->bytes.empty()) return Error::of(EPROTO, "a message without a type");
    auto const type = static_cast<Type>(message->bytes.front());
    message->bytes.erase(0, 1);
    return std::optional(Incoming{type, std::move(message->bytes), std::move(message->descriptors)});
}

namespace {

// Socket addresses end after 107 bytes, which a run directory's path may pass: the address goes through a descriptor.
struct Address {
    UniqueFd directory;
    sockaddr_un name{};
};
Result<Address> control_address(HostPath const& run_directory) {
    Address address;
    address.directory = TRY(open_file(run_directory, O_PATH | O_DIRECTORY));
    address.name.sun_family = AF_UNIX;
    auto const text = fmt::format("/proc/self/fd/{}/control.sock", address.directory.number());
    std::memcpy(address.name.sun_path, text.data(), text.size());
    return address;
}
Result<UniqueFd> make_socket() {
    UniqueFd made(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!made.is_open()) return Error::from_errno("make a socket");
    return made;
}

} // namespace

Result<Channel> connect_to_monitor(HostPath const& run_directory) {
    auto const nobody = [] { return Error::of(ESRCH, "the container is not running"); };
    auto address = control_address(run_directory);
    if (!address) return address.error().is(ENOENT) ? nobody() : std::move(address).error();
    auto socket = TRY(make_socket());
    if (connect(socket.number(), reinterpret_cast<sockaddr const*>(&address.value().name), sizeof address.value().name) == 0) return Channel(std::move(socket));
    // ECONNREFUSED: the socket of a monitor that was killed.
    if (errno == ENOENT || errno == ECONNREFUSED) return nobody();
    return Error::from_errno("connect to the monitor at '{}'", run_directory / "control.sock");
}

Result<UniqueFd> listen_for_clients(HostPath const& run_directory) {
    auto const path = run_directory / "control.sock";
    auto const address = TRY(control_address(run_directory));
    auto listener = TRY(make_socket());
    auto const bound = [&] { return bind(listener.number(), reinterpret_cast<sockaddr const*>(&address.name), sizeof address.name) == 0; };
    // A monitor that was killed left its socket there; one that lives holds the container's lock, so this is not its.
    if (!bound() && (errno != EADDRINUSE || !remove_file(path).ok() || !bound())) return Error::from_errno("make the socket '{}'", path);
    if (listen(listener.number(), 64) < 0) return Error::from_errno("listen at '{}'", path);
    TRY(set_nonblocking(listener));
    return listener;
}

} // namespace bolt::monitor
