// A container's state as its monitor writes it: run/containers/<id>/state.json, replaced by rename, read without a lock.
// Liveness is checked by pid and start time, never assumed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "sys/path.h"

namespace bolt::monitor {

enum class Status { created, running, paused, restarting, exited };
std::string_view to_text(Status status); // docker's words: "created", "running", "paused", "restarting", "exited"

struct State {
    Status status = Status::created;
    pid_t monitor_pid = 0;
    std::uint64_t monitor_start_time = 0; // as sys/process.h start_time_of
    pid_t pid = 0;                        // init's, while running
    std::uint64_t start_time = 0;
    pid_t network_pid = 0;                // pasta's, which outlives a monitor and its keeper that are killed together
    std::uint64_t network_start_time = 0;
    std::optional<Time> started_at, finished_at;
    int exit_code = 0;                    // docker's: the command's own, 128 + signal, 125…127
    bool oom_killed = false;
    bool stopped_by_user = false;         // what unless-stopped means
    int restart_count = 0;
    std::string error;                    // why it could not be started, or the last teardown's complaints
    std::string cgroup;                   // path below the hierarchy, "" when there is none
    std::string boot;                     // the boot's id (sys/process.h) in which it was written
    std::vector<std::string> ports;       // net::format_published with the numbers really used
};

Json to_json(State const& state);
Result<State> parse_state(Json const& document); // EINVAL names the field

// What is true of a run when nobody comes to say anything else.
State went_down_with_the_host(State state);

Result<void> write_state(HostPath const& run_directory, State const& state);
// What the state file says, corrected by what is true: a running container whose monitor and init are gone is `exited` with
// code 137 and an error that says that the monitor was killed. None when there is no state file (never started since boot).
Result<std::optional<State>> find_state(HostPath const& run_directory);
// The exit record outlives a reboot: container_directory/exit.json has the same members. While a container runs it says that the
// host went down, which is true for whoever comes to read it then.
Result<void> write_exit_record(HostPath const& container_directory, State const& state);
Result<std::optional<State>> find_exit_record(HostPath const& container_directory);

} // namespace bolt::monitor
