// Application containers of one user: made, started, listed, stopped, removed. Every call works on files and on the
// container's monitor; nothing is kept between calls. Texts of errors are meant for the user as they are.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/installation.h"
#include "engine/options.h"
#include "monitor/messages.h"
#include "monitor/state.h"
#include "sys/channel.h"
#include "sys/terminal.h"

namespace bolt::engine {

// What was decided when the container was made; immutable afterwards. store/containers/<id>/config.json.
struct Record {
    std::string id, name;
    std::string image;            // as the user wrote it
    std::string image_id;         // "sha256:…" of its configuration
    Time created;
    std::vector<std::string> command;  // entrypoint and arguments as run
    std::vector<std::pair<std::string, std::string>> labels;
    std::string request;          // monitor/request.h as JSON's text, complete: `start` needs nothing else, and lists need none of it
    std::string run_directory, network; // of the request, for lists
    std::vector<std::string> volumes;           // all that it uses, by name
    std::vector<std::string> anonymous_volumes; // those of them that were made for it and go with it
    bool remove = false, terminal = false, interactive = false;
    bool default_seccomp = false; // the built-in program goes with the request when it is started
    Json mounts;                  // what inspect shows under Mounts
    std::string options;          // and under HostConfig and Config, as JSON's text: for lists as little as the request
};

struct Container {
    Record record;
    monitor::State state;         // Status::created when it was never started
};

// By full id, unique id prefix or name; ENOENT: "there is no container 'x'; `bolt ps -a` lists them". EBADMSG when its record is
// damaged.
Result<Container> find_container(Installation const& here, std::string_view name);
Result<std::string> find_container_id(Installation const& here, std::string_view name);
// All, newest first, their records without `request` and `options`. One that vanishes meanwhile is left out; a damaged record is left
// out with a warning text.
struct Listing {
    std::vector<Container> containers;
    std::vector<std::string> warnings;
};
Result<Listing> list_containers(Installation const& here);

struct Made {
    Record record;
    std::vector<std::string> warnings; // for stderr, one sentence each
};
// Finds the image (pulling it as the policy says, through bolt-transfer with the caller's terminal), takes the name, writes the
// record. A name already taken is EEXIST naming the holder. On failure nothing is left.
Result<Made> create_container(Installation const& here, ContainerOptions const& options);

// Starts its monitor and the command. The channel is this client's own connection: `attached` says that it sent `attach` before
// the start, so that no output is lost. Error codes for docker's exit codes: 127 with ENOENT of the command, 126 with EACCES.
enum class Attach { no, output, input_and_output };
struct Started {
    Channel channel;
    pid_t pid = 0;
    std::vector<std::string> warnings;
};
struct StartFailure {
    int exit_code; // 125, 126, 127
};
// `window`: the size of the terminal that the command finds, for a container that has one.
Result<Started> start_container(Installation const& here, Container const& container, Attach attach, StartFailure& failure, std::optional<WindowSize> window = {});

Result<void> stop_container(Installation const& here, Container const& container, std::optional<std::chrono::milliseconds> timeout, std::optional<int> signal);
Result<void> restart_container(Installation const& here, Container const& container, std::optional<std::chrono::milliseconds> timeout);
Result<void> kill_container(Installation const& here, Container const& container, int signal);
// Waits for the end; the exit code. At once for one that has ended.
Result<int> wait_for_container(Installation const& here, Container const& container);
enum class Force { no, yes };
enum class Volumes { keep, remove_anonymous };
// EBUSY when it runs and force is no.
Result<void> remove_container(Installation const& here, Container const& container, Force force, Volumes volumes);
// For one whose record cannot be read: what is known of it without. EBUSY while a process holds it.
Result<void> remove_damaged_container(Installation const& here, std::string const& id);
// A connection to a running container's monitor, attached. ESRCH when it does not run.
Result<Channel> attach_to_container(Installation const& here, Container const& container, Attach attach);

struct ExecStarted {
    Channel channel;      // `exec_exited` comes over it
    UniqueFd console;     // with a terminal: the pty's master, for the client to relay
    pid_t pid = 0;
};
Result<ExecStarted> exec_in_container(Installation const& here, Container const& container, monitor::ExecRequest const& request,
                                      FdRef input, FdRef output, FdRef error, StartFailure& failure);

// docker inspect's document for one container.
Result<Json> inspect_container(Installation const& here, Container const& container);

struct LogOptions {
    bool follow = false, timestamps = false;
    std::optional<std::uint64_t> tail;       // lines
    std::optional<Time> since, until;
};
struct LogEntry {
    Time time;
    bool is_error = false; // stderr
    bool is_partial = false;
    std::string_view text; // without the newline
};
// Calls `take` for every entry, oldest first, rotated files included; with `follow` until the container ends. `take` returning
// an error ends it with that error.
Result<void> read_logs(Installation const& here, Container const& container, LogOptions const& options,
                       std::function<Result<void>(LogEntry const&)> const& take);

} // namespace bolt::engine
