#include "monitor/state.h"

#include <csignal>

#include "base/json.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::monitor {

namespace {

constexpr std::pair<Status, std::string_view> status_words[] = {
    {Status::created, "created"}, {Status::running, "running"},       {Status::paused, "paused"},
    {Status::restarting, "restarting"}, {Status::exited, "exited"},
};

Json time_json(std::optional<Time> const& time) { return time ? Json(format_rfc3339(*time)) : Json(); }

Result<std::optional<Time>> find_time(Json const& document, std::string_view key) {
    auto const text = TRY(document.find_string(key));
    if (!text) return std::optional<Time>();
    return std::optional(TRY(parse_rfc3339(*text).while_doing("field '{}'", key)));
}

Result<Status> parse_status(Json const& document) {
    auto const text = TRY(document.string_or("status", ""));
    for (auto const& [status, word] : status_words)
        if (word == text) return status;
    return Error::of(EINVAL, "field 'status' is '{}', not one of created, running, paused, restarting, exited", text);
}

Result<pid_t> pid_member(Json const& document, std::string_view key) { return static_cast<pid_t>(TRY(document.integer_or(key, 0))); }

Result<std::optional<State>> find_state_file(HostPath const& path) {
    auto const text = TRY(find_file(path));
    if (!text) return std::optional<State>();
    auto const document = TRY(Json::parse(*text).while_doing("read '{}'", path));
    return std::optional(TRY(parse_state(document).while_doing("read '{}'", path)));
}

Result<bool> is_alive(pid_t pid, std::uint64_t start_time) { return TRY(find_process(pid, start_time)).has_value(); }

} // namespace

std::string_view to_text(Status status) {
    for (auto const& [known, word] : status_words)
        if (known == status) return word;
    return "unknown";
}

Json to_json(State const& state) {
    Json document;
    document.set("status", to_text(state.status));
    document.set("monitor_pid", state.monitor_pid).set("monitor_start_time", state.monitor_start_time);
    document.set("network_pid", state.network_pid).set("network_start_time", state.network_start_time);
    document.set("pid", state.pid).set("start_time", state.start_time);
    document.set_unless_empty("started_at", time_json(state.started_at)).set_unless_empty("finished_at", time_json(state.finished_at));
    document.set("exit_code", state.exit_code).set("oom_killed", state.oom_killed).set("stopped_by_user", state.stopped_by_user);
    document.set("restart_count", state.restart_count);
    document.set_unless_empty("error", state.error).set_unless_empty("cgroup", state.cgroup).set_unless_empty("boot", state.boot).set_unless_empty("ports", state.ports);
    return document;
}

Result<State> parse_state(Json const& document) {
    State state;
    state.status = TRY(parse_status(document));
    state.monitor_pid = TRY(pid_member(document, "monitor_pid"));
    state.monitor_start_time = static_cast<std::uint64_t>(TRY(document.integer_or("monitor_start_time", 0)));
    state.network_pid = static_cast<pid_t>(TRY(document.integer_or("network_pid", 0)));
    state.network_start_time = static_cast<std::uint64_t>(TRY(document.integer_or("network_start_time", 0)));
    state.pid = TRY(pid_member(document, "pid"));
    state.start_time = static_cast<std::uint64_t>(TRY(document.integer_or("start_time", 0)));
    state.started_at = TRY(find_time(document, "started_at"));
    state.finished_at = TRY(find_time(document, "finished_at"));
    state.exit_code = static_cast<int>(TRY(document.integer_or("exit_code", 0)));
    state.oom_killed = TRY(document.bool_or("oom_killed", false));
    state.stopped_by_user = TRY(document.bool_or("stopped_by_user", false));
    state.restart_count = static_cast<int>(TRY(document.integer_or("restart_count", 0)));
    state.error = TRY(document.string_or("error", ""));
    state.cgroup = TRY(document.string_or("cgroup", ""));
    state.boot = TRY(document.string_or("boot", ""));
    state.ports = TRY(document.strings("ports"));
    return state;
}

Result<void> write_state(HostPath const& run_directory, State const& state) {
    return write_file(run_directory / "state.json", to_json(state).dump(), 0600, Durability::none);
}

State went_down_with_the_host(State state) {
    state.status = Status::exited;
    state.exit_code = 128 + SIGKILL;
    state.error = "the host went down while it ran";
    state.pid = state.monitor_pid = 0;
    state.start_time = state.monitor_start_time = 0;
    state.network_pid = 0;
    return state;
}

Result<std::optional<State>> find_state(HostPath const& run_directory) {
    auto state = TRY(find_state_file(run_directory / "state.json"));
    if (!state || state->status == Status::exited) return state;
    if (!state->boot.empty() && state->boot != TRY(boot_id())) return went_down_with_the_host(std::move(*state));
    if (TRY(is_alive(state->monitor_pid, state->monitor_start_time))) return state;
    // Init gets SIGKILL together with its monitor; until it is gone, the container does run.
    if (TRY(is_alive(state->pid, state->start_time))) return state;
    if (state->status == Status::created) return state;
    state->status = Status::exited;
    state->pid = 0;
    state->exit_code = 137;
    state->error = fmt::format("its monitor (process {}) was killed, and the container with it", state->monitor_pid);
    return state;
}

// Synced: after a power cut a container has one of a run that did end, or of the one that the power cut ended.
Result<void> write_exit_record(HostPath const& container_directory, State const& state) {
    return write_file(container_directory / "exit.json", to_json(state).dump(), 0600, Durability::synced);
}

Result<std::optional<State>> find_exit_record(HostPath const& container_directory) { return find_state_file(container_directory / "exit.json"); }

} // namespace bolt::monitor
