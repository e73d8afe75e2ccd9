#include "net/forwarder.h"

#include <algorithm>
#include <deque>

#include <malloc.h>
#include <sys/resource.h>

#include "net/connection.h"
#include "net/flows.h"
#include "net/listeners.h"
#include "net/targets.h"
#include "sys/epoll.h"

namespace bolt::net {

namespace {

constexpr std::size_t buffer_size = 64 * 1024; // the largest datagram; larger reads are not faster
constexpr std::size_t descriptors_of_the_caller = 64;
constexpr int accepted_a_turn = 64;
constexpr auto pause_without_descriptors = std::chrono::milliseconds(100);

std::size_t connections_that_fit() {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur <= descriptors_of_the_caller + 2) return 1;
    return std::min<std::size_t>((files.rlim_cur - descriptors_of_the_caller) / 2, 32768);
}

bool is_shortage(int code) { return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM; }

} // namespace

class Forwarder::Loop {
public:
    using Time = Flows::Time;

    Loop(std::vector<PublishedPort> ports, std::vector<PublishedPort> bound, ForwarderLimits limits, Epoll epoll, Timer timer)
        : ports_(std::move(ports)), bound_(std::move(bound)), most_(limits.connections != 0 ? limits.connections : connections_that_fit()), epoll_(std::move(epoll)),
          timer_(std::move(timer)), flows_(epoll_, buffer_, targets_, limits.udp_idle) {}
    ~Loop() {
        for (auto const& listener : listeners_) epoll_.remove(listener.bound.socket);
    }
    Loop(Loop const&) = delete;

    Result<void> watch(std::vector<Listener> listeners);
    Result<void> handle_events();
    std::vector<PublishedPort> const& ports() const { return ports_; }
    std::vector<PublishedPort> const& bound() const { return bound_; }
    FdRef poll_fd() const { return epoll_.fd(); }
    std::size_t active() const { return connections_.size() + flows_.count(); }

private:
    struct Door final : Watched {
        Door(Loop& of, Listener listener) : loop(of), bound(std::move(listener)) {}
        void on_events(std::uint32_t) override { bound.port.protocol == Protocol::tcp ? loop.accept(*this) : loop.receive(*this); }
        Loop& loop;
        Listener bound;
    };
    struct Alarm final : Watched {
        explicit Alarm(Loop& of) : loop(of) {}
        void on_events(std::uint32_t) override { loop.on_alarm(); }
        Loop& loop;
    };

    void accept(Door& door);
    void receive(Door& door);
    void begin(Accepted client, std::uint16_t container_port);
    void on_alarm();
    void pause(std::optional<Time> until);
    void resume();
    void set_alarm();
    void sweep();

    std::vector<PublishedPort> ports_, bound_;
    std::size_t most_;
    Epoll epoll_;
    Timer timer_;
    Alarm alarm_{*this};
    std::unique_ptr<char[]> storage_ = std::make_unique_for_overwrite<char[]>(buffer_size); // costs memory when it is first used
    std::span<char> buffer_{storage_.get(), buffer_size};
    Targets targets_;
    std::deque<Door> listeners_;
    std::map<Connection*, std::unique_ptr<Connection>> connections_;
    std::vector<std::unique_ptr<Connection>> ended_;
    Connection::Surroundings const surroundings_{epoll_, buffer_, [this](Connection& connection) {
                                                     auto const at = connections_.find(&connection);
                                                     ended_.push_back(std::move(at->second));
                                                     connections_.erase(at);
                                                 }};
    Flows flows_;
    bool paused_ = false;             // listeners of TCP are not watched
    std::optional<Time> paused_until_; // when a shortage, not the limit, was the reason
    std::optional<Time> alarm_at_;
};

Result<void> Forwarder::Loop::watch(std::vector<Listener> listeners) {
    Watched* const alarm = &alarm_;
    TRY(epoll_.add(timer_.fd(), EPOLLIN, alarm));
    for (auto& listener : listeners) {
        Watched* const door = &listeners_.emplace_back(*this, std::move(listener));
        TRY(epoll_.add(listeners_.back().bound.socket, EPOLLIN, door));
    }
    return {};
}

Result<void> Forwarder::Loop::handle_events() {
    std::array<epoll_event, 64> space;
    bool const worked_before = active() != 0;
    for (auto const& event : TRY(epoll_.wait(space, 0))) static_cast<Watched*>(event.data.ptr)->on_events(event.events);
    sweep();
    set_alarm();
    // Idle containers are many: what a burst of connections left in the allocator goes back to the kernel.
    if (worked_before && active() == 0) malloc_trim(0);
    return {};
}

void Forwarder::Loop::accept(Door& door) {
    for (int turn = 0; turn < accepted_a_turn && !paused_; ++turn) {
        if (active() >= most_) return pause(std::nullopt);
        auto client = accept_connection(door.bound.socket);
        if (client) {
            begin(std::move(client).value(), door.bound.port.container_port);
        } else if (is_shortage(client.error().code())) {
            return pause(std::chrono::steady_clock::now() + pause_without_descriptors);
        } else if (!client.error().is(ECONNABORTED)) {
            return; // EAGAIN: nobody waits; else a client that ended before it was accepted
        }
    }
}

void Forwarder::Loop::begin(Accepted client, std::uint16_t container_port) {
    auto targets = targets_.of(client.peer.address.family(), container_port);
    auto connection = std::make_unique<Connection>(std::move(client.socket), std::move(targets), surroundings_);
    auto* const key = connection.get();
    auto const started = connection->start();
    if (started)
        connections_.emplace(key, std::move(connection));
    else if (is_shortage(started.error().code()))
        pause(std::chrono::steady_clock::now() + pause_without_descriptors);
    // What did not start is reset when it is destroyed here.
}

void Forwarder::Loop::receive(Door& door) {
    auto const now = std::chrono::steady_clock::now();
    for (int turn = 0; turn < accepted_a_turn; ++turn) {
        auto const datagram = receive_datagram(door.bound.socket, buffer_);
        if (!datagram) return; // EAGAIN, or an error of an earlier answer that has now been taken off the socket
        flows_.pass_on(door.bound.socket, door.bound.port.container_port, datagram.value(), buffer_.first(datagram.value().length), now);
        flows_.keep_at_most(most_ - std::min(connections_.size(), most_ - 1));
    }
}

void Forwarder::Loop::pause(std::optional<Time> until) {
    if (std::exchange(paused_, true)) return;
    paused_until_ = until;
    for (auto const& door : listeners_)
        if (door.bound.port.protocol == Protocol::tcp) epoll_.remove(door.bound.socket);
}

void Forwarder::Loop::resume() {
    paused_ = false;
    paused_until_.reset();
    for (auto& door : listeners_) {
        if (door.bound.port.protocol != Protocol::tcp) continue;
        Watched* const owner = &door;
        auto const added = epoll_.add(door.bound.socket, EPOLLIN, owner);
        if (added || added.error().is(EEXIST)) continue;
        // The user's limit of watches: a shortage like any other.
        paused_ = true;
        paused_until_ = std::chrono::steady_clock::now() + pause_without_descriptors;
    }
}

void Forwarder::Loop::on_alarm() {
    timer_.acknowledge();
    alarm_at_.reset();
    auto const now = std::chrono::steady_clock::now();
    flows_.end_idle(now);
    if (paused_until_ && now >= *paused_until_) resume();
}

void Forwarder::Loop::sweep() {
    ended_.clear();
    flows_.sweep();
    if (paused_ && !paused_until_ && active() < most_) resume();
}

void Forwarder::Loop::set_alarm() {
    auto wanted = flows_.next_check();
    if (paused_until_ && (!wanted || *paused_until_ < *wanted)) wanted = paused_until_;
    // One that goes off early is harmless and is set anew then; activity, which only moves it back, costs no call.
    if (!wanted || (alarm_at_ && *alarm_at_ <= *wanted)) return;
    timer_.set(std::chrono::ceil<std::chrono::milliseconds>(*wanted - std::chrono::steady_clock::now()));
    alarm_at_ = wanted;
}

Forwarder::Forwarder(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
Forwarder::Forwarder(Forwarder&&) noexcept = default;
Forwarder& Forwarder::operator=(Forwarder&&) noexcept = default;
Forwarder::~Forwarder() = default;

namespace {
std::vector<PublishedPort> addresses_of(std::vector<Listener> const& listeners) {
    std::vector<PublishedPort> bound;
    for (auto const& listener : listeners) {
        bound.push_back(listener.port);
        if (listener.port.address.empty()) bound.back().address = listener.family == IpFamily::v6 ? "::" : "0.0.0.0";
    }
    return bound;
}
} // namespace

Result<Forwarder> Forwarder::listen(std::vector<PublishedPort> ports, ForwarderLimits limits) {
    auto listeners = TRY(open_listeners(ports));
    auto bound = addresses_of(listeners);
    auto epoll = TRY(Epoll::make());
    auto timer = TRY(Timer::make());
    auto loop = std::make_unique<Loop>(std::move(ports), std::move(bound), limits, std::move(epoll), std::move(timer));
    TRY(loop->watch(std::move(listeners)));
    return Forwarder(std::move(loop));
}

std::vector<PublishedPort> const& Forwarder::ports() const { return loop_->ports(); }
std::vector<PublishedPort> const& Forwarder::bound() const { return loop_->bound(); }
FdRef Forwarder::poll_fd() const { return loop_->poll_fd(); }
Result<void> Forwarder::handle_events() { return loop_->handle_events(); }
std::size_t Forwarder::active() const { return loop_->active(); }

} // namespace bolt::net
