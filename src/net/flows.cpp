#include "net/flows.h"

#include <algorithm>

namespace bolt::net {

namespace {
constexpr int datagrams_a_turn = 64;
constexpr std::size_t longest_kept = 2048; // of a first datagram; a query, a handshake
} // namespace

Flows::~Flows() {
    while (!flows_.empty()) end(flows_.begin());
}

void Flows::pass_on(FdRef listener, std::uint16_t container_port, Datagram const& datagram, std::span<char const> bytes, Time now) {
    auto* const flow = find_or_begin(listener, container_port, datagram, now);
    if (flow == nullptr) return;
    flow->active = now;
    auto const at = by_client_.at(flow->key);
    flows_.splice(flows_.end(), flows_, at);
    send(*flow, bytes);
}

Flows::Flow* Flows::find_or_begin(FdRef listener, std::uint16_t container_port, Datagram const& datagram, Time now) {
    Key const key{listener.number(), datagram.from, datagram.to};
    if (auto const found = by_client_.find(key); found != by_client_.end()) return found->second->get();
    auto flow = std::make_unique<Flow>(*this);
    flow->key = key;
    flow->listener = listener.number();
    flow->client = datagram;
    flow->targets = targets_.of(datagram.from.address.family(), container_port);
    flow->active = now;
    std::reverse(flow->targets.begin(), flow->targets.end());
    if (!connect_to_next(*flow)) return nullptr;
    flows_.push_back(std::move(flow));
    by_client_.emplace(key, std::prev(flows_.end()));
    return flows_.back().get();
}

bool Flows::connect_to_next(Flow& flow) {
    while (!flow.targets.empty()) {
        auto const target = flow.targets.back();
        flow.targets.pop_back();
        auto socket = make_ip_socket(target.address.family(), SocketKind::datagram);
        if (!socket || !start_connecting(socket.value(), target) || is_connected_to_itself(socket.value())) continue;
        Watched* const owner = &flow;
        if (!epoll_.add(socket.value(), EPOLLIN, owner)) return false;
        flow.server = std::move(socket).value();
        return true;
    }
    return false;
}

void Flows::send(Flow& flow, std::span<char const> bytes) {
    if (flow.over) return;
    if (flow.first.empty() && !flow.targets.empty() && bytes.size() <= longest_kept) flow.first.assign(bytes.data(), bytes.size());
    // A refusal that is told here was the answer to an earlier datagram; this one was not sent.
    if (send_bytes(flow.server, bytes) != -ECONNREFUSED) return;
    refuse(flow);
    if (!flow.over) send_bytes(flow.server, bytes);
}

void Flows::answer(Flow& flow) {
    for (int turn = 0; turn < datagrams_a_turn && !flow.over; ++turn) {
        auto const length = receive_bytes(flow.server, buffer_);
        if (length == -EAGAIN) return;
        if (length == -ECONNREFUSED) return refuse(flow);
        if (length < 0) return end(by_client_.at(flow.key));
        flow.targets.clear();
        flow.first = {};
        flow.active = std::chrono::steady_clock::now();
        flows_.splice(flows_.end(), flows_, by_client_.at(flow.key));
        // A client that is gone, or a full queue: the datagram is lost, as UDP may.
        (void)send_datagram(FdRef(flow.listener), buffer_.first(static_cast<std::size_t>(length)), flow.client).ok();
    }
}

void Flows::refuse(Flow& flow) {
    close_server(flow);
    if (!connect_to_next(flow)) return end(by_client_.at(flow.key));
    if (!flow.first.empty()) send_bytes(flow.server, flow.first);
}

void Flows::close_server(Flow& flow) {
    if (!flow.server.is_open()) return;
    epoll_.remove(flow.server); // a child between fork and exec may hold it open
    flow.server.close();
}

void Flows::end(List::iterator flow) {
    close_server(**flow);
    (*flow)->over = true;
    by_client_.erase((*flow)->key);
    ended_.splice(ended_.end(), flows_, flow);
}

void Flows::keep_at_most(std::size_t most) {
    while (flows_.size() > most) end(flows_.begin());
}

void Flows::end_idle(Time now) {
    while (!flows_.empty() && now - flows_.front()->active >= idle_) end(flows_.begin());
}

std::optional<Flows::Time> Flows::next_check() const {
    if (flows_.empty()) return std::nullopt;
    return flows_.front()->active + idle_;
}

} // namespace bolt::net
