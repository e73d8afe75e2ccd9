// What `bolt run` and `bolt create` can be asked for: the parsed command line, before image and host are looked at.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "monitor/request.h"
#include "net/network.h"
#include "net/port.h"

namespace bolt::engine {

enum class MountKind { bind, volume, tmpfs };
struct MountOption {
    MountKind kind = MountKind::bind;
    std::string source;            // bind: a host path; volume: its name, "" for an anonymous one; tmpfs: ""
    std::string target;            // absolute, inside the container
    bool read_only = false;
    bool relabels = false;         // -v's z and Z: on a host with SELinux only
    bool makes_source = false;     // -v makes a missing host directory, --mount type=bind refuses it
    std::string propagation;       // "" or rprivate, private, rshared, shared, rslave, slave
    std::vector<std::string> tmpfs_options; // tmpfs: size=…, mode=…, noexec …
    bool copies_image_content = true;       // volume: a new one gets what the image has at the target
};
// docker's -v [SOURCE:]TARGET[:OPTIONS], --mount KEY=VALUE,…, --tmpfs TARGET[:OPTIONS]; EINVAL in one sentence.
Result<MountOption> parse_volume_option(std::string_view text);
Result<MountOption> parse_mount_option(std::string_view text);
Result<MountOption> parse_tmpfs_option(std::string_view text);

enum class PullPolicy { missing, always, never, newer };
enum class UserNamespaceMode { host, keep_id, automatic };

struct Limits {
    std::optional<Bytes> memory;
    std::optional<Bytes> memory_and_swap;  // docker's default: twice the memory; absent where the kernel does not count swap
    std::optional<double> cpus;            // of one CPU: 1.5
    std::optional<std::int64_t> processes; // -1: no limit
};

struct RestartOption {
    monitor::RestartPolicy policy = monitor::RestartPolicy::no;
    int most = 0;
};
// no | on-failure[:N] | always | unless-stopped
Result<RestartOption> parse_restart_option(std::string_view text);

struct ContainerOptions {
    std::string image;
    std::vector<std::string> command;
    std::optional<std::string> name, hostname, user, working_directory;
    std::optional<std::string> entrypoint;     // "" takes the image's away
    std::vector<std::string> environment;      // "NAME=value", or "NAME": the caller's value, if it has one
    std::vector<MountOption> mounts;
    std::vector<std::pair<std::string, std::string>> labels;
    std::vector<std::string> add_capabilities, drop_capabilities; // "NET_ADMIN", "CAP_NET_ADMIN", "ALL"
    std::vector<std::string> security_options; // seccomp=unconfined|FILE, no-new-privileges[:true|false], label=disable, apparmor=unconfined, mask=, unmask=
    std::vector<net::PublishedPort> ports;
    net::Mode network = net::Mode::pasta;
    Limits limits;
    RestartOption restart;
    std::optional<int> stop_signal;
    std::optional<std::chrono::seconds> stop_timeout;
    UserNamespaceMode user_namespace = UserNamespaceMode::host;
    PullPolicy pull = PullPolicy::missing;
    std::optional<std::string> platform, runtime;
    bool interactive = false, terminal = false, remove = false, init = false, read_only = false, detached = false;
};

} // namespace bolt::engine
