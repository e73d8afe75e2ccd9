#include "engine/monitor_calls.h"

#include <csignal>

#include "engine/record.h"
#include "sys/process.h"

namespace bolt::engine {

HostPath run_directory_of(Installation const& here, Container const& container) { return run_directory_of(here.layout, container.record); }

std::string title_of(Container const& container) { return fmt::format("container '{}'", container.record.name); }

Result<void> end_orphan(monitor::State const& state) {
    if (TRY(find_process(state.monitor_pid, state.monitor_start_time))) return {};
    if (auto const init = TRY(find_process(state.pid, state.start_time))) (void)signal_pidfd(*init, SIGKILL).ok(); // ended a moment ago, ignoring
    if (auto const network = TRY(find_process(state.network_pid, state.network_start_time))) (void)signal_pidfd(*network, SIGKILL).ok(); // likewise
    return {};
}

Failure parse_failure(std::string_view payload) {
    auto const document = Json::parse(payload);
    if (!document) return {Error::of(EPROTO, "the container's monitor sent a message that cannot be read: {}", document.error().text()), 125};
    auto const code = document.value().integer_or("code", EPROTO);
    auto const text = document.value().string_or("text", "the container's monitor does not say why");
    auto const exit_code = document.value().integer_or("exit_code", 125);
    if (!code || !text || !exit_code) return {Error::of(EPROTO, "the container's monitor sent a message that cannot be read"), 125};
    return {Error(static_cast<int>(code.value()), text.value()), static_cast<int>(exit_code.value())};
}

Result<std::string> await(Channel const& channel, monitor::Type wanted) {
    for (;;) {
        auto incoming = TRY(monitor::receive(channel));
        if (!incoming) return Error::of(ESRCH, "the container's monitor has ended without an answer");
        if (incoming->type == wanted) return std::move(incoming->payload);
        if (incoming->type == monitor::Type::failed) return parse_failure(incoming->payload).error;
    }
}

Result<std::string> ask(Channel const& channel, monitor::Type question, std::string_view payload, monitor::Type wanted) {
    TRY(monitor::send(channel, question, payload));
    return await(channel, wanted);
}

} // namespace bolt::engine
