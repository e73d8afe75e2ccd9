// One relayed TCP connection.
#pragma once

#include <functional>
#include <list>
#include <span>
#include <vector>

#include "base/result.h"
#include "sys/epoll.h"
#include "sys/fd.h"
#include "sys/socket.h"

namespace bolt::net {

// Whatever an epoll descriptor of the forwarder calls.
class Watched {
public:
    virtual void on_events(std::uint32_t events) = 0;

protected:
    ~Watched() = default; // never deleted through this
};

// From accept to the end of both directions:
//
//   connecting ──► relaying ──► ended          a direction: open ──► its sender said FIN ──► FIN passed on
//       └─────────────┴───────► ended by reset, both sides
//
// A direction reads only when what it read before has been taken (back-pressure), through the buffer that all connections
// share; what a slow receiver leaves is kept in memory of its own until it has been taken.
class Connection {
public:
    struct Surroundings {
        Epoll const& epoll;
        std::span<char> buffer;                  // shared: holds nothing between two events
        std::function<void(Connection&)> on_end; // called once, never inside start(); the caller then removes it, later
    };
    Connection(UniqueFd client, std::vector<SocketAddress> targets, Surroundings const& surroundings);

    // Begins to connect. When this fails the client is told by a reset, and on_end is not called.
    Result<void> start();
    bool has_ended() const { return ended_; }

private:
    // One of the two sockets.
    struct Side final : Watched {
        explicit Side(Connection& of) : connection(of) {}
        void on_events(std::uint32_t events) override { connection.on_events(*this, events); }
        Connection& connection;
        UniqueFd socket;
        std::uint32_t watched = 0; // the events that epoll was told; 0: not in its set
        bool broken = false;       // has told an error, and would tell it for ever
        bool said_end = false;     // nothing more comes from it
        bool was_told_end = false; // nothing more goes to it
        std::vector<char> waiting; // for it to take
        std::size_t taken = 0;     // of `waiting`
    };

    void on_events(Side& side, std::uint32_t events);
    Result<void> connect_to_next(); // the next target that can be tried; an error when none is left
    void finish_connecting();
    void relay();
    bool move_data(Side& from, Side& to); // false: the connection is dead
    bool send_waiting(Side& to);          // false: dead
    void watch_for_what_matters();
    bool watch(Side& side, std::uint32_t events);
    void end();
    void reset();

    Surroundings const& surroundings_;
    Side client_{*this}, server_{*this};
    std::vector<SocketAddress> targets_; // still to be tried, last first
    bool connected_ = false, ended_ = false;
};

} // namespace bolt::net
