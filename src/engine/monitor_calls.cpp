#include "engine/monitor_calls.h"

#include <climits>
#include <csignal>

#include "base/text.h"
#include "engine/record.h"
#include "monitor/host_files.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::engine {

HostPath run_directory_of(Installation const& here, Container const& container) { return run_directory_of(here.layout, container.record); }

namespace {

// The lock's holder, if that is this container's monitor.
Result<std::optional<UniqueFd>> find_holder(store::Layout const& layout, std::string const& id, pid_t& pid) {
    auto const text = TRY(find_first_line(layout.containers() / id / "lock"));
    auto const number = text ? parse_unsigned(trim(*text)) : Result<std::uint64_t>(Error(ENOENT, ""));
    if (!number || number.value() == 0 || number.value() > INT_MAX) return std::optional<UniqueFd>();
    pid = static_cast<pid_t>(number.value());
    auto holder = open_pidfd(pid);
    if (!holder) return std::optional<UniqueFd>();
    auto const words = find_file(TRY(HostPath::parse(fmt::format("/proc/{}/cmdline", pid))));
    bool const is_monitor = words && words.value() && words.value()->starts_with("bolt-monitor") && words.value()->find(id.substr(0, 12)) != std::string::npos;
    return is_monitor ? std::optional(std::move(holder).value()) : std::nullopt;
}

// The record may be a summary.
bool make_run_directory_again(store::Layout const& layout, std::string const& id, HostPath const& run_directory) {
    auto const record = find_record(layout, id);
    if (!record || !record.value()) return false;
    auto const request = request_of(*record.value());
    return request && monitor::prepare_run_directory(run_directory, request.value()).ok();
}

} // namespace

Result<std::optional<monitor::State>> find_run(store::Layout const& layout, Record const& record) {
    auto const run_directory = run_directory_of(layout, record);
    auto state = TRY(monitor::find_state(run_directory));
    if (state) return state;
    pid_t pid = 0;
    auto const holder = TRY(find_holder(layout, record.id, pid));
    if (!holder) return state;
    constexpr std::chrono::seconds patience{2};
    auto const end = std::chrono::steady_clock::now() + patience;
    for (Backoff backoff; !state && std::chrono::steady_clock::now() < end; state = TRY(monitor::find_state(run_directory))) {
        bool const has_files = exists(run_directory / "hosts") || make_run_directory_again(layout, record.id, run_directory);
        // One that ends meanwhile says so before it takes its files away.
        if (!has_files || !TRY(find_holder(layout, record.id, pid)) || !signal_pidfd(*holder, SIGUSR1)) break;
        backoff.wait();
    }
    if (state || !TRY(find_holder(layout, record.id, pid))) return state ? state : monitor::find_state(run_directory);
    return Error::of(EIO, "container '{}' runs, but its directory '{}' was removed and cannot be made again; end it with `kill {}`", record.name, run_directory, pid);
}

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
