#include "monitor/clients.h"

#include <algorithm>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/json.h"
#include "sys/unix_socket.h"

namespace bolt::monitor {

Clients::~Clients() {
    for (auto const& client : all_) loop_.forget(client->channel.fd());
    if (listener_.is_open()) loop_.forget(listener_);
}

Result<void> Clients::add(Channel channel, bool foreground) {
    TRY(set_nonblocking(channel.fd()));
    auto const client = std::make_shared<Client>();
    client->channel = std::move(channel);
    client->foreground = foreground;
    TRY(loop_.watch(client->channel.fd(), EPOLLIN, [this, client](std::uint32_t events) {
        if ((events & EPOLLOUT) != 0) flush(client);
        if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) receive_from(client);
    }));
    all_.push_back(client);
    return {};
}

Result<void> Clients::listen(UniqueFd listener) {
    TRY(loop_.watch(listener, EPOLLIN, [this](std::uint32_t) { accept_all(); }));
    listener_ = std::move(listener);
    return {};
}

void Clients::accept_all() {
    for (;;) {
        auto connection = accept_one(listener_);
        // The client sees the end of its connection.
        if (!connection || !set_nonblocking(connection.value()) || !add(Channel(std::move(connection).value()), false)) return;
    }
}

void Clients::stop_listening() {
    if (!listener_.is_open()) return;
    auto const known = all_.size();
    accept_all();
    loop_.forget(listener_);
    listener_.close();
    // What they asked for is answered now: they sent it before they could know.
    auto const late = std::vector<ClientPtr>(all_.begin() + static_cast<std::ptrdiff_t>(known), all_.end());
    for (auto const& client : late) receive_from(client);
}

void Clients::receive_from(ClientPtr const& client) {
    if (!client->channel.fd().is_open()) return;
    auto incoming = receive(client->channel);
    if (!incoming && incoming.error().is(EAGAIN)) return;
    // A peer that sends what is no message is as good as gone.
    if (!incoming || !incoming.value()) return drop(client);
    events_.message(client, std::move(*incoming.value()));
}

void Clients::drop(ClientPtr const& client) {
    if (!client->channel.fd().is_open()) return;
    loop_.forget(client->channel.fd());
    client->channel.close();
    client->queue.clear();
    client->queued = 0;
    std::erase(all_, client);
    events_.gone(client);
    events_.pace_changed();
}

void Clients::watch_as_needed(ClientPtr const& client) {
    loop_.change(client->channel.fd(), (client->held ? 0U : EPOLLIN) | (client->queue.empty() ? 0U : EPOLLOUT));
}

void Clients::flush(ClientPtr const& client) {
    while (!client->queue.empty()) {
        auto const sent = client->channel.send(client->queue.front());
        if (!sent && sent.error().is(EAGAIN)) return;
        if (!sent) return drop(client);
        client->queued -= client->queue.front().size();
        client->queue.pop_front();
    }
    client->queue.shrink_to_fit();
    watch_as_needed(client);
    events_.pace_changed();
}

void Clients::post_message(ClientPtr const& client, std::string_view message) {
    if (!client->channel.fd().is_open()) return;
    if (client->queue.empty()) {
        auto const sent = client->channel.send(message);
        if (sent) return;
        if (!sent.error().is(EAGAIN)) return drop(client);
    }
    client->queue.emplace_back(message);
    client->queued += message.size();
    watch_as_needed(client);
}

void Clients::post(ClientPtr const& client, Type type, std::string_view payload) {
    std::string message(1, static_cast<char>(type));
    message += payload;
    post_message(client, message);
}

Result<void> Clients::post_with_descriptor(ClientPtr const& client, Type type, std::string_view payload, FdRef descriptor) {
    if (!client->channel.fd().is_open()) return Error::of(EPIPE, "the client is gone");
    if (!client->queue.empty()) return Error::of(EAGAIN, "the client does not take its messages");
    int const number = descriptor.number();
    return send(client->channel, type, payload, {&number, 1});
}

void Clients::post_failure(ClientPtr const& client, Error const& error, int exit_code) {
    Json payload;
    payload.set("code", error.code()).set("text", error.text()).set("exit_code", exit_code);
    post(client, Type::failed, payload.dump());
}

void Clients::post_output(std::string_view message) {
    for (auto const& client : std::vector<ClientPtr>(all_)) {
        if (!client->gets_output) continue;
        if (!client->foreground && client->queued + message.size() > longest_queue) {
            client->gets_output = false;
            post_failure(client, Error::of(ENOBUFS, "this client is {} bytes of output behind and was detached; `bolt logs` has all of it", client->queued), 1);
            continue;
        }
        post_message(client, message);
    }
}

void Clients::close_all() {
    for (auto const& client : std::exchange(all_, {})) {
        loop_.forget(client->channel.fd());
        shutdown(client->channel.fd().number(), SHUT_RD);
        for (auto left = client->channel.receive(); left && left.value(); left = client->channel.receive()) {
        }
        client->channel.close();
    }
}

void Clients::hold(ClientPtr const& client) {
    client->held = true;
    if (client->channel.fd().is_open()) watch_as_needed(client);
}

void Clients::release_held() {
    for (auto const& client : all_) {
        if (!client->held) continue;
        client->held = false;
        watch_as_needed(client);
    }
}

bool Clients::is_congested() const {
    return std::any_of(all_.begin(), all_.end(), [](auto const& client) { return client->foreground && client->gets_output && !client->queue.empty(); });
}

bool Clients::is_idle() const {
    return std::all_of(all_.begin(), all_.end(), [](auto const& client) { return client->queue.empty(); });
}

} // namespace bolt::monitor
