#include "monitor/messages.h"

#include "sys/file.h"
#include "sys/unix_socket.h"

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

Result<Channel> connect_to_monitor(HostPath const& run_directory) {
    auto connection = connect_to(run_directory / "control.sock", UnixSocketKind::messages);
    // ECONNREFUSED: the socket of a monitor that was killed.
    if (!connection && (connection.error().is(ENOENT) || connection.error().is(ECONNREFUSED))) return Error::of(ESRCH, "the container is not running");
    return Channel(TRY(std::move(connection)));
}

Result<UniqueFd> listen_for_clients(HostPath const& run_directory) {
    auto const path = run_directory / "control.sock";
    auto listener = listen_at(path, UnixSocketKind::messages, 64);
    // A monitor that was killed left its socket there; one that lives holds the container's lock, so this is not its.
    if (!listener && listener.error().is(EADDRINUSE) && remove_file(path)) listener = listen_at(path, UnixSocketKind::messages, 64);
    if (listener) TRY(set_nonblocking(listener.value()));
    return listener;
}

} // namespace bolt::monitor
