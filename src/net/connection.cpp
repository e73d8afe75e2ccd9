#include "net/connection.h"

#include <algorithm>

#include "net/targets.h"

namespace bolt::net {

namespace {
// A connection that could go on for ever lets the others have their turn after so many buffers.
constexpr int buffers_a_turn = 4;
} // namespace

Connection::Connection(UniqueFd client, std::vector<SocketAddress> targets, Surroundings const& surroundings)
    : surroundings_(surroundings), targets_(std::move(targets)) {
    client_.socket = std::move(client);
    std::reverse(targets_.begin(), targets_.end());
}

Result<void> Connection::start() {
    set_no_delay(client_.socket);
    auto started = connect_to_next();
    if (!started) set_reset_on_close(client_.socket);
    return started;
}

Result<void> Connection::connect_to_next() {
    Error last = Error::from_code(ECONNREFUSED, "connect into the container");
    while (!targets_.empty()) {
        auto const target = targets_.back();
        targets_.pop_back();
        auto socket = make_ip_socket(target.address.family(), SocketKind::stream);
        if (!socket && !is_worth_another_address(socket.error().code())) return std::move(socket).error();
        if (!socket) continue;
        set_no_delay(socket.value());
        auto started = start_connecting(socket.value(), target);
        if (started) {
            server_.socket = std::move(socket).value();
            server_.watched = 0;
            if (!watch(server_, EPOLLOUT)) return Error::from_code(ENOSPC, "watch a connection");
            return {};
        }
        last = std::move(started).error();
    }
    return last;
}

void Connection::finish_connecting() {
    int code = pending_error(server_.socket);
    if (code == 0 && is_connected_to_itself(server_.socket)) code = ECONNREFUSED;
    if (code == 0) {
        connected_ = true;
        targets_ = {};
        return relay();
    }
    watch(server_, 0);
    server_.socket.close();
    if (!is_worth_another_address(code) || !connect_to_next()) reset();
}

void Connection::on_events(Side& side, std::uint32_t events) {
    if (ended_) return;
    if (!connected_) return finish_connecting();
    if ((events & EPOLLERR) != 0) side.broken = true;
    relay();
}

void Connection::relay() {
    if (!move_data(client_, server_) || !move_data(server_, client_)) return reset();
    if (client_.was_told_end && server_.was_told_end) return end();
    watch_for_what_matters();
}

bool Connection::send_waiting(Side& to) {
    while (to.taken < to.waiting.size()) {
        auto const sent = send_bytes(to.socket, std::span(to.waiting).subspan(to.taken));
        if (sent == -EAGAIN) return true;
        if (sent < 0) return false;
        to.taken += static_cast<std::size_t>(sent);
    }
    to.waiting = {}; // gives the memory back, where clear() would not
    to.taken = 0;
    return true;
}

bool Connection::move_data(Side& from, Side& to) {
    if (!to.waiting.empty() && !send_waiting(to)) return false;
    // A broken side tells no more events: what it still holds is read now, up to its error.
    for (int turn = 0; to.waiting.empty() && !from.said_end && (turn < buffers_a_turn || from.broken); ++turn) {
        auto const received = receive_bytes(from.socket, surroundings_.buffer);
        if (received == -EAGAIN && !from.broken) break;
        if (received < 0) return false;
        if (received == 0) {
            from.said_end = true;
            break;
        }
        auto const bytes = surroundings_.buffer.first(static_cast<std::size_t>(received));
        auto const sent = send_bytes(to.socket, bytes);
        if (sent < 0 && sent != -EAGAIN) return false;
        auto const taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
        if (taken < bytes.size()) to.waiting.assign(bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
    }
    if (from.said_end && to.waiting.empty() && !to.was_told_end) {
        end_sending(to.socket);
        to.was_told_end = true;
    }
    return true;
}

void Connection::watch_for_what_matters() {
    auto const wanted = [](Side const& side, Side const& other) -> std::uint32_t {
        if (side.broken) return 0;
        std::uint32_t events = 0;
        if (!side.said_end && other.waiting.empty()) events |= EPOLLIN;
        if (!side.waiting.empty()) events |= EPOLLOUT;
        return events;
    };
    if (!watch(client_, wanted(client_, server_)) || !watch(server_, wanted(server_, client_))) reset();
}

bool Connection::watch(Side& side, std::uint32_t events) {
    if (events == side.watched) return true;
    Watched* const owner = &side;
    // Out of the set with 0: epoll tells a hang-up whether asked or not, and would spin on it.
    if (events == 0)
        surroundings_.epoll.remove(side.socket);
    else if (side.watched != 0)
        surroundings_.epoll.change(side.socket, events, owner);
    else if (!surroundings_.epoll.add(side.socket, events, owner))
        return false;
    side.watched = events;
    return true;
}

void Connection::end() {
    if (std::exchange(ended_, true)) return;
    for (auto* const side : {&client_, &server_}) {
        // Said to epoll as well: a child between fork and exec may hold the socket open, and its events would go on.
        watch(*side, 0);
        side->socket.close();
    }
    surroundings_.on_end(*this);
}

void Connection::reset() {
    if (ended_) return;
    set_reset_on_close(client_.socket);
    if (server_.socket.is_open()) set_reset_on_close(server_.socket);
    end();
}

} // namespace bolt::net
