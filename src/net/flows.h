// Relayed UDP: one flow a client, which lives as long as datagrams come.
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "net/connection.h"
#include "net/targets.h"
#include "sys/socket.h"

namespace bolt::net {

class Flows {
public:
    using Time = std::chrono::steady_clock::time_point;

    Flows(Epoll const& epoll, std::span<char> buffer, Targets& targets, std::chrono::milliseconds idle)
        : epoll_(epoll), buffer_(buffer), targets_(targets), idle_(idle) {}
    Flows(Flows const&) = delete;
    ~Flows();

    std::size_t count() const { return flows_.size(); }
    // A client's datagram, which came by this listener, is passed on; what cannot be passed on is lost, as UDP may.
    void pass_on(FdRef listener, std::uint16_t container_port, Datagram const& datagram, std::span<char const> bytes, Time now);
    // When there are more than `most`, the ones that were silent the longest end.
    void keep_at_most(std::size_t most);
    void end_idle(Time now);
    // When the next one may have become idle; none without flows.
    std::optional<Time> next_check() const;
    // Frees what ended since the last batch of events: an event of that batch may still have pointed to it.
    void sweep() { ended_.clear(); }

private:
    using Key = std::tuple<int, SocketAddress, std::optional<IpAddress>>; // the listener, the client, which of our addresses it knows
    struct Flow final : Watched {
        explicit Flow(Flows& owner) : flows(owner) {}
        void on_events(std::uint32_t) override { flows.answer(*this); }
        Flows& flows;
        Key key{0, {IpAddress::any(IpFamily::v4), 0}, std::nullopt};
        int listener = -1;
        Datagram client{0, {IpAddress::any(IpFamily::v4), 0}, std::nullopt};
        UniqueFd server;
        std::vector<SocketAddress> targets; // still to be tried, last first
        // What the client sent first, until the server answered: to be sent again when the first target refuses.
        std::string first;
        Time active;
        bool over = false;
    };
    using List = std::list<std::unique_ptr<Flow>>;

    Flow* find_or_begin(FdRef listener, std::uint16_t container_port, Datagram const& datagram, Time now);
    bool connect_to_next(Flow& flow);
    void send(Flow& flow, std::span<char const> bytes);
    void answer(Flow& flow);
    void refuse(Flow& flow);
    void close_server(Flow& flow);
    void end(List::iterator flow);

    Epoll const& epoll_;
    std::span<char> buffer_;
    Targets& targets_;
    std::chrono::milliseconds idle_;
    List flows_; // the longest silent first
    std::map<Key, List::iterator> by_client_;
    List ended_;
};

} // namespace bolt::net
