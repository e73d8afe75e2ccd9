// Where an ordinary user's container with limits lives: a control group that the user may divide.
//
//   …/bolt-ID.scope            made by the user's systemd, Delegate=yes; holds no process itself (cgroup v2's rule)
//   …/bolt-ID.scope/monitor    bolt-monitor
//   …/bolt-ID.scope/container  made by the runtime: the container with its limits (linux.cgroupsPath)
//
// Without a systemd of the user's, the caller's own control group does if it is the user's and holds nobody but the caller.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "sys/channel.h"
#include "sys/path.h"
#include "sys/process.h"

namespace bolt::engine {

// Whether a limit for memory and swap together can be set on this host.
bool swap_is_counted();
// "memory", "cpu", "pids": what the limits in a request need.
std::vector<std::string> needed_controllers(Json const& request);
// The request with linux.cgroupsPath set.
Json with_cgroup(Json request, std::string const& path);

class DelegatedCgroup {
public:
    // `scope_program` is bolt-scope. `options` are those of the program that will begin inside: their descriptors must be open already, since the child that
    // will spawn it inherits them here. EOPNOTSUPP on a host without the unified hierarchy, or when a controller is not the
    // user's to set: each names the next step.
    static Result<DelegatedCgroup> make(std::string_view container_id, std::vector<std::string> const& controllers, HostPath const& program, SpawnOptions const& options,
                                        HostPath const& scope_program);

    // As linux.cgroupsPath wants it: below the hierarchy's top.
    std::string container_path() const { return path_ + "/container"; }
    // Starts the program in the monitor's part, once. It is nobody's child that the caller could wait for.
    Result<void> spawn_inside();

private:
    DelegatedCgroup(Channel orders, Process deputy, std::string path) : orders_(std::move(orders)), deputy_(std::move(deputy)), path_(std::move(path)) {}
    Channel orders_;
    Process deputy_; // a child that is moved in, and then spawns
    std::string path_;
};

} // namespace bolt::engine
