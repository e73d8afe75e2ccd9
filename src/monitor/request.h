// What the engine asks of a monitor: everything it needs for the whole life of one container, as one document. The monitor
// reads nothing else of the engine's, so that it can be started by anybody who can write one.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/text.h"
#include "net/network.h"
#include "net/port.h"
#include "oci/container.h"
#include "sys/path.h"

namespace bolt::monitor {

enum class RestartPolicy { no, on_failure, always, unless_stopped };

struct Request {
    std::string id, name;
    HostPath run_directory;             // …/run/containers/<id>: state.json, control.sock; what a reboot ends
    HostPath container_directory;       // …/store/containers/<id>: the exit record, the log
    HostPath user_namespace_holders;    // where a monitor registers its user namespace for others to join
    Json spec;                          // config.json of the OCI runtime specification
    std::optional<oci::OverlayRoot> overlay;
    std::optional<std::string> seccomp_program; // ready BPF; absent: compiled from spec
    std::optional<HostPath> runtime;    // another OCI runtime's program; absent: src/oci in this process

    net::Mode network = net::Mode::pasta;
    std::vector<net::PublishedPort> ports;

    struct Log {
        HostPath file;                  // CRI text format
        Bytes largest_file{16u << 20};  // rotated beyond: FILE.1, FILE.2 …
        int files = 3;                  // kept, the current one included
    } log;

    bool terminal = false;
    bool input_open = false;            // -i: stdin stays open while nobody is attached; else the container reads /dev/null
    bool input_closes_with_client = false; // -i in the foreground: stdin ends with the first client that ends its own

    RestartPolicy restart = RestartPolicy::no;
    int most_restarts = 0;              // with on_failure; 0: no limit
    int stop_signal = 15;
    std::chrono::milliseconds stop_timeout{10'000};

    // Limits were asked for, so a cgroup that cannot be made is an error. The cgroup itself is spec.linux.cgroupsPath.
    bool limits_requested = false;

    // --rm: removed after the last exit, in this order, directories with all that is in them.
    std::vector<HostPath> remove_at_exit;
    // Where the container's directory then goes by one rename, to be deleted when the clients have been told. Absent: it is
    // deleted before.
    std::optional<HostPath> trash;
};

Json to_json(Request const& request);
Result<Request> parse_request(Json const& document);

// The exec of `bolt exec`, over the control socket.
struct ExecRequest {
    std::vector<std::string> arguments;
    std::vector<std::string> environment;            // all of it, "NAME=value"
    std::optional<std::string> user;                 // docker's USER[:GROUP], looked up in the container's /etc/passwd
    std::optional<std::string> working_directory;    // absent: the container's
    bool terminal = false;
    bool privileged = false;
    bool detached = false;                           // it goes on when whoever asked for it is gone
    unsigned short rows = 0, columns = 0;            // with terminal
};
Json to_json(ExecRequest const& request);
Result<ExecRequest> parse_exec_request(Json const& document);

} // namespace bolt::monitor
