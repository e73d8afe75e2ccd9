#include "cli/attached.h"

#include <csignal>

#include "cli/output.h"

namespace bolt::cli {

namespace {

engine::Attach what_to_attach(RelayOptions const& options) { return options.input ? engine::Attach::input_and_output : engine::Attach::output; }

// Over a connection of its own: one whose input waits for the container is not read from.
SignalTaker taker(engine::Installation const& here, engine::Container const& container, Signals signals) {
    if (signals == Signals::to_client) return {};
    return [&here, &container](int signal) {
        // One that has just ended needs no signal, and its end is on the way here, ignoring.
        (void)engine::kill_container(here, container, signal).ok();
    };
}

Result<int> code_of(engine::Installation const& here, engine::Container const& container, Result<RelayOutcome> const& outcome) {
    if (!outcome) return outcome.error();
    switch (outcome.value().end) {
    case RelayEnd::detached:
        say("detached; the container goes on");
        return 0;
    case RelayEnd::output_closed: die_of(SIGPIPE);
    case RelayEnd::terminal_gone: die_of(SIGHUP);
    case RelayEnd::exited:
        if (!outcome.value().error.empty()) say(fmt::format("container '{}': {}", container.record.name, outcome.value().error));
        return outcome.value().exit_code;
    case RelayEnd::connection_lost: break;
    }
    // Its monitor was killed; what is on disk says what became of the container, as soon as it is dead.
    if (auto const ended = engine::wait_for_container(here, container); !ended) return ended.error();
    auto const found = engine::find_container(here, container.record.id);
    if (!found) return Error::of(ECONNRESET, "the monitor of container '{}' went away, and the container with it", container.record.name);
    auto const& state = found.value().state;
    if (state.status == monitor::Status::exited) {
        if (!state.error.empty()) say(fmt::format("container '{}': {}", container.record.name, state.error));
        return state.exit_code;
    }
    return Error::of(ECONNRESET, "the connection to container '{0}' was lost; attach again (bolt attach {0})", container.record.name);
}

} // namespace

int refuse_without_terminal() {
    say("the input device is not a TTY; leave out -t, or run it from a terminal");
    return 1;
}

Result<int> run_attached(engine::Installation const& here, engine::Container const& container, RelayOptions const& options, Signals signals) {
    engine::StartFailure failure{};
    std::optional<Error> not_started;
    auto outcome = [&]() -> Result<RelayOutcome> {
        auto terminal = TRY(ClientTerminal::take(options));
        auto started = engine::start_container(here, container, what_to_attach(options), failure, options.terminal ? terminal.size() : std::nullopt);
        if (!started) {
            not_started = started.error();
            return std::move(started).error();
        }
        if (!terminal.is_raw()) warn_all(started.value().warnings);
        auto relayed = relay_container(started.value().channel, terminal, options, taker(here, container, signals));
        terminal.restore();
        return relayed;
    }();
    if (not_started) {
        say(not_started->text());
        return failure.exit_code;
    }
    return code_of(here, container, outcome);
}

Result<int> attach(engine::Installation const& here, engine::Container const& container, RelayOptions const& options, Signals signals) {
    auto outcome = [&]() -> Result<RelayOutcome> {
        auto channel = TRY(engine::attach_to_container(here, container, what_to_attach(options)));
        auto terminal = TRY(ClientTerminal::take(options));
        return relay_container(channel, terminal, options, taker(here, container, signals));
    }();
    return code_of(here, container, outcome);
}

} // namespace bolt::cli
