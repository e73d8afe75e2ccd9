// What is asked of a running container: stop, restart, signal, wait, attach, exec. Each is a conversation with its monitor.
#include <csignal>

#include "engine/containers.h"
#include "engine/monitor_calls.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::engine {

namespace {

// None when it does not run.
Result<std::optional<Channel>> find_monitor(Installation const& here, Container const& container) {
    auto channel = monitor::connect_to_monitor(run_directory_of(here, container));
    if (channel) return std::optional(std::move(channel).value());
    if (channel.error().is(ESRCH)) return std::optional<Channel>();
    return std::move(channel).error();
}

bool counts_as_running(monitor::State const& state) {
    using monitor::Status;
    return state.status == Status::running || state.status == Status::paused || state.status == Status::restarting;
}

Error not_running(Container const& container) {
    if (container.state.status == monitor::Status::restarting)
        return Error::of(ESRCH, "{} does not run (it is restarting); try again, or see why it ends (bolt logs {})", title_of(container), container.record.name);
    if (counts_as_running(container.state)) return Error::of(ESRCH, "{} has just ended; start it again (bolt start {})", title_of(container), container.record.name);
    return Error::of(ESRCH, "{} does not run (it is {}); start it (bolt start {})", title_of(container), monitor::to_text(container.state.status), container.record.name);
}

// The caller's look at it is older than the monitor's word.
Error not_running_any_more(Installation const& here, Container const& container) {
    auto const state = find_run(here.layout, container.record);
    return not_running(state && state.value() ? Container{container.record, *state.value()} : container);
}

Json stop_request(std::optional<std::chrono::milliseconds> timeout, std::optional<int> signal) {
    auto document = Json::object();
    if (signal) document.set("signal", *signal);
    if (timeout) document.set("timeout_ms", std::int64_t{timeout->count()});
    return document;
}

// A monitor that goes away while it is asked to stop has done what it was asked for.
Result<void> take_end_as_done(Result<std::string> const& answer) {
    if (answer || answer.error().is(ESRCH) || answer.error().is(EPIPE) || answer.error().is(ECONNRESET)) return {};
    return answer.error();
}

Json attach_request(Attach attach) {
    Json document;
    document.set("input", attach == Attach::input_and_output).set("output", true);
    return document;
}

// A monitor that takes no more clients is about to write down how the container ended. For milliseconds, or as long as it is
// alive: of a dead one find_state says that the container has ended.
Result<std::optional<monitor::State>> await_record(Installation const& here, Container const& container) {
    Backoff backoff;
    for (;;) {
        auto state = TRY(find_run(here.layout, container.record));
        if (!state || !counts_as_running(*state)) return state;
        TRY(end_orphan(*state));
        backoff.wait();
    }
}

// How it ended, from disk. A container that was removed at its end has left nothing.
Result<int> recorded_exit_code(Installation const& here, Container const& container) {
    if (auto const state = TRY(await_record(here, container))) return state->exit_code;
    if (auto const ended = TRY(monitor::find_exit_record(here.layout.containers() / container.record.id))) return ended->exit_code;
    if (!counts_as_running(container.state)) return container.state.exit_code;
    return Error::of(ESRCH, "{} was removed before its exit code could be read", title_of(container));
}

} // namespace

Result<void> stop_container(Installation const& here, Container const& container, std::optional<std::chrono::milliseconds> timeout, std::optional<int> signal) {
    auto const channel = TRY(find_monitor(here, container));
    if (!channel) { // docker's rule: what does not run is stopped
        TRY(await_record(here, container));
        return {};
    }
    return take_end_as_done(ask(*channel, monitor::Type::stop, stop_request(timeout, signal).dump(), monitor::Type::done)).while_doing("stop {}", title_of(container));
}

Result<void> restart_container(Installation const& here, Container const& container, std::optional<std::chrono::milliseconds> timeout) {
    if (auto const channel = TRY(find_monitor(here, container))) {
        TRY(ask(*channel, monitor::Type::restart, stop_request(timeout, std::nullopt).dump(), monitor::Type::done).while_doing("restart {}", title_of(container)));
        return {};
    }
    StartFailure failure{};
    TRY(start_container(here, container, Attach::no, failure));
    return {};
}

Result<void> kill_container(Installation const& here, Container const& container, int signal) {
    auto const channel = TRY(find_monitor(here, container));
    if (!channel) return not_running(container);
    auto const sent = ask(*channel, monitor::Type::signal, Json().set("signal", signal).dump(), monitor::Type::done);
    if (!sent && container.state.status == monitor::Status::restarting) return not_running(container);
    // It may end by the signal before it can answer.
    return take_end_as_done(sent).while_doing("send {} to {}", signal_name(signal), title_of(container));
}

Result<int> wait_for_container(Installation const& here, Container const& container) {
    auto const channel = TRY(find_monitor(here, container));
    if (!channel) return recorded_exit_code(here, container);
    auto const ended = ask(*channel, monitor::Type::wait, {}, monitor::Type::exited);
    if (!ended && !ended.error().is(ESRCH) && !ended.error().is(EPIPE) && !ended.error().is(ECONNRESET)) return ended.error();
    if (!ended) return recorded_exit_code(here, container);
    auto const document = TRY(Json::parse(ended.value()).while_doing("read how {} ended", title_of(container)));
    return static_cast<int>(TRY(document.integer_or("exit_code", 0)));
}

Result<Channel> attach_to_container(Installation const& here, Container const& container, Attach attach) {
    auto channel = TRY(find_monitor(here, container));
    if (!channel) return not_running(container);
    if (attach != Attach::no) TRY(monitor::send(*channel, monitor::Type::attach, attach_request(attach).dump()));
    return std::move(*channel);
}

Result<ExecStarted> exec_in_container(Installation const& here, Container const& container, monitor::ExecRequest const& request, FdRef input, FdRef output, FdRef error,
                                      StartFailure& failure) {
    failure.exit_code = 125;
    auto channel = TRY(find_monitor(here, container));
    if (!channel) return not_running(container);
    int const streams[] = {input.number(), output.number(), error.number()};
    TRY(monitor::send(*channel, monitor::Type::exec, to_json(request).dump(), request.terminal ? std::span<int const>() : streams));
    for (;;) {
        auto incoming = TRY(monitor::receive(*channel));
        if (!incoming) return Error::of(ESRCH, "{} ended before the command was started in it", title_of(container));
        if (incoming->type == monitor::Type::failed) {
            auto failed = parse_failure(incoming->payload);
            if (failed.error.is(ESRCH)) return not_running_any_more(here, container); // the monitor does not know its name
            failure.exit_code = failed.exit_code == failure.exit_code ? 126 : failed.exit_code; // the command could not be made to run
            return std::move(failed.error);
        }
        if (incoming->type != monitor::Type::exec_started) continue;
        auto const document = TRY(Json::parse(incoming->payload));
        auto const pid = TRY(document.integer_or("pid", 0));
        ExecStarted started{.channel = std::move(*channel), .pid = static_cast<pid_t>(pid)};
        if (!incoming->descriptors.empty()) started.console = std::move(incoming->descriptors.front());
        return started;
    }
}

} // namespace bolt::engine
