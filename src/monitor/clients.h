// The connections to a monitor: the engine's channel, and whoever connects to control.sock.
//
// Who waits for whom. The foreground client is the one that came with the monitor (`bolt run`, `bolt start -a`). As with a
// program that writes to a terminal directly, its pace is the container's: while a message to it is not taken, the
// container's output is not read. Everybody else gets a queue of `longest_queue`; who falls further behind is told so
// (`failed`, ENOBUFS) and gets no more output, while the container, the log and the other clients go on. The log is written
// before any client sees a byte. What a client sends is taken as fast as the container reads its input: a client whose input
// waits is not read from, so signals belong on a connection of their own.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/messages.h"
#include "sys/channel.h"
#include "sys/event_loop.h"

namespace bolt::monitor {

struct Client {
    Channel channel;
    bool foreground = false;
    bool gets_output = false, gives_input = false; // attached
    bool waiting = false;                          // wants `exited`
    bool held = false;                             // not read from: its input waits for the container
    std::deque<std::string> queue;
    std::size_t queued = 0; // bytes
};
using ClientPtr = std::shared_ptr<Client>;

class Clients {
public:
    static constexpr std::size_t longest_queue = 1u << 20;

    struct Events {
        std::function<void(ClientPtr const&, Incoming)> message;
        std::function<void(ClientPtr const&)> gone;  // it is out of the list already
        std::function<void()> pace_changed;          // is_congested() or is_idle() may answer otherwise now
    };
    Clients(EventLoop& loop, Events events) : loop_(loop), events_(std::move(events)) {}
    ~Clients();

    Result<void> add(Channel channel, bool foreground);
    // Accepts from a listener from here on; it is closed by stop_listening.
    Result<void> listen(UniqueFd listener);
    // Those who knocked already are let in first: they are told how it ended rather than cut off.
    void stop_listening();

    // Sends, or queues what the client does not take yet. Descriptors go only with what is sent at once (EAGAIN otherwise).
    void post(ClientPtr const& client, Type type, std::string_view payload = {});
    Result<void> post_with_descriptor(ClientPtr const& client, Type type, std::string_view payload, FdRef descriptor);
    void post_failure(ClientPtr const& client, Error const& error, int exit_code);
    // A whole message, type byte first, to all that are attached to output.
    void post_output(std::string_view message);
    template <typename Wanted>
    void post_to(Type type, std::string_view payload, Wanted wanted) {
        for (auto const& client : std::vector<ClientPtr>(all_))
            if (wanted(*client)) post(client, type, payload);
    }

    // The end: what clients still send is refused first and thrown away then, since a socket that is closed with something
    // unread in it makes the peer lose what it has not read either.
    void close_all();

    void hold(ClientPtr const& client);
    void release_held(); // all of them

    bool is_congested() const; // the foreground client has not taken its last message
    bool is_idle() const;      // no message is queued
    // Also those that were connected but have sent nothing yet.
    std::vector<ClientPtr> const& all() const { return all_; }

private:
    void accept_all();
    void receive_from(ClientPtr const& client);
    void flush(ClientPtr const& client);
    void watch_as_needed(ClientPtr const& client);
    void post_message(ClientPtr const& client, std::string_view message);
    void drop(ClientPtr const& client);

    EventLoop& loop_;
    Events events_;
    std::vector<ClientPtr> all_;
    UniqueFd listener_;
};

} // namespace bolt::monitor
