// What clients ask for.
#include "monitor/monitor.h"

#include <csignal>

#include "base/json.h"

namespace bolt::monitor {

namespace {

Result<Json> parse_payload(std::string_view payload) { return payload.empty() ? Result<Json>(Json::object()) : Json::parse(payload); }

struct StopOrder {
    int signal;
    std::chrono::milliseconds timeout;
};
Result<StopOrder> parse_stop(std::string_view payload, Request const& request) {
    auto const document = TRY(parse_payload(payload));
    StopOrder order{};
    order.signal = static_cast<int>(TRY(document.integer_or("signal", request.stop_signal)));
    order.timeout = std::chrono::milliseconds(TRY(document.integer_or("timeout_ms", request.stop_timeout.count())));
    return order;
}

} // namespace

void Monitor::take(ClientPtr const& client, Incoming incoming) {
    auto const done = perform(client, incoming);
    if (!done) clients_.post_failure(client, done.error(), exit_code_of_failure(done.error()));
}

Result<void> Monitor::perform(ClientPtr const& client, Incoming& incoming) {
    switch (incoming.type) {
    case Type::start: return start_for(client);
    case Type::attach: return attach(*client, incoming.payload);
    case Type::input:
        if (client->gives_input && streams_ && !streams_->put_input(incoming.payload)) clients_.hold(client);
        return {};
    case Type::input_end:
        if (client->gives_input && streams_ && request_.input_closes_with_client) streams_->end_input();
        return {};
    case Type::resize: return resize(incoming.payload);
    case Type::signal: return signal(client, incoming.payload);
    case Type::stop: return stop(client, incoming.payload);
    case Type::restart: return restart(client, incoming.payload);
    case Type::exec: return exec(client, incoming);
    case Type::wait:
        client->waiting = true;
        if (exited_told_) clients_.post(client, Type::exited, to_json(state_).dump());
        return {};
    default: return Error::of(EPROTO, "the monitor does not know the message '{}'", static_cast<char>(incoming.type));
    }
}

Result<void> Monitor::start_for(ClientPtr const& client) {
    if (phase_ != Phase::created) return Error::of(EALREADY, "the container was started already");
    auto const started = start_container();
    if (started) {
        Json payload;
        payload.set("pid", state_.pid);
        clients_.post(client, Type::started, payload.dump());
        settle();
        return {};
    }
    clients_.post_failure(client, started.error(), exit_code_of_failure(started.error()));
    state_.error = started.error().text();
    state_.exit_code = exit_code_of_failure(started.error());
    state_.started_at.reset();
    (void)runtime_->remove(); // the first error is the one to tell, ignoring
    runtime_.reset();
    streams_.reset();
    end();
    return {};
}

Result<void> Monitor::attach(Client& client, std::string_view payload) {
    if (phase_ == Phase::ended) return not_running();
    auto const document = TRY(parse_payload(payload));
    client.gives_input = TRY(document.bool_or("input", true));
    client.gets_output = TRY(document.bool_or("output", true));
    return {};
}

Result<void> Monitor::resize(std::string_view payload) {
    auto const document = TRY(parse_payload(payload));
    auto const rows = TRY(document.integer_or("rows", 0));
    auto const columns = TRY(document.integer_or("columns", 0));
    if (rows < 0 || columns < 0 || rows > 0xffff || columns > 0xffff) return Error::of(EINVAL, "a terminal of {} rows and {} columns", rows, columns);
    if (streams_) streams_->resize(static_cast<unsigned short>(rows), static_cast<unsigned short>(columns));
    return {};
}

Result<void> Monitor::signal(ClientPtr const& client, std::string_view payload) {
    auto const document = TRY(parse_payload(payload));
    auto const number = TRY(document.find_integer("signal"));
    if (!number || *number < 1 || *number >= NSIG) return Error::of(EINVAL, "field 'signal' is not a signal's number");
    // As docker has it: who sends the signal that stops the container wants it stopped, between two runs too.
    bool const stops = *number == SIGKILL || *number == request_.stop_signal;
    if (stops && phase_ == Phase::restarting) {
        state_.stopped_by_user = true;
        stop_askers_.push_back(client);
        end_early();
        return {};
    }
    if (!is_alive()) return not_running();
    bool const stopped_before = std::exchange(state_.stopped_by_user, state_.stopped_by_user || stops);
    auto const sent = runtime_->init().kill(static_cast<int>(*number));
    if (!sent) {
        state_.stopped_by_user = stopped_before;
        return sent;
    }
    clients_.post(client, Type::done);
    return {};
}

Result<void> Monitor::stop(ClientPtr const& client, std::string_view payload) {
    auto const order = TRY(parse_stop(payload, request_));
    if (phase_ == Phase::ended) return not_running();
    stop_askers_.push_back(client);
    state_.stopped_by_user = true;
    restart_asked_ = false;
    if (phase_ == Phase::restarting) end_early();
    else if (is_alive()) begin_stop(order.signal, order.timeout);
    return {};
}

Result<void> Monitor::restart(ClientPtr const& client, std::string_view payload) {
    auto const order = TRY(parse_stop(payload, request_));
    if (phase_ == Phase::ended || phase_ == Phase::created) return not_running();
    restart_askers_.push_back(client);
    restart_asked_ = true;
    if (phase_ == Phase::restarting) {
        loop_.cancel(timer_);
        timer_ = loop_.after(std::chrono::milliseconds(0), [this] { restart_now(); });
    } else if (is_alive()) {
        begin_stop(order.signal, order.timeout);
    }
    return {};
}

void Monitor::begin_stop(int number, std::chrono::milliseconds timeout) {
    // An init that was never started would not get a signal that it has not asked for; nothing is lost with it.
    bool const at_once = phase_ == Phase::created || timeout == std::chrono::milliseconds(0) || number == SIGKILL;
    if (!at_once) (void)runtime_->init().kill(number); // gone already: its end is on its way, ignoring
    if (at_once) return runtime_->kill_all();
    // Somebody may have less patience, and has been promised the end by then.
    auto const kill_at = std::chrono::steady_clock::now() + timeout;
    if (timeout < std::chrono::milliseconds(0) || (kill_at_ && *kill_at_ <= kill_at)) return;
    kill_at_ = kill_at;
    loop_.cancel(timer_);
    timer_ = loop_.after(timeout, [this] {
        timer_ = 0;
        runtime_->kill_all();
    });
}

void Monitor::end_early() {
    loop_.cancel(timer_);
    end();
}

void Monitor::client_gone(ClientPtr const& client) {
    dismiss_makers(client.get());
    // Its streams are the client's own, and whoever reads them waits for their end: what a terminal would say to it. In a session of its
    // own it leads a process group.
    for (auto const& tenant : tenants_)
        if (tenant.hangs_up && tenant.client.lock() == client) ::kill(-tenant.process.pid(), SIGHUP);
    // Nobody is left who would start what was created.
    if (client->foreground && phase_ == Phase::created) begin_stop(SIGKILL, std::chrono::milliseconds(0));
}

} // namespace bolt::monitor
