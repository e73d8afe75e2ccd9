// A container's scope of systemd's, made by the program bolt-scope: only that one can load libsystemd.
//
//     runtime                            bolt-scope start|adopt|set|attach|stop system|user UNIT, the channel on descriptor 3
//       │ the properties, as JSON ──────────────►  │ (attach: process and sub-cgroup; adopt: both)
//       │                                          │ start: moves itself into the new scope; adopt: the process
//       │ ◄─────────────────────────── Report ───  │
//       │ the container is born beside it          │
//       │ the end of the channel ────────────────► │ ends: an empty scope would be taken away
#pragma once

#include <string>

#include "base/result.h"
#include "oci/scope_plan.h"
#include "sys/channel.h"
#include "sys/path.h"
#include "sys/process.h"

namespace bolt::oci {

class Scope {
public:
    static constexpr int channel_number = 3; // of the channel, in bolt-scope

    // ENOENT when there is no systemd to ask; its own words for what it refuses.
    static Result<Scope> start(HostPath const& program, SystemdManager manager, ScopeName const& name, std::string_view description, std::vector<UnitProperty> properties);

    pid_t holder() const { return holder_.pid(); }                   // in the scope, until this goes out of scope
    std::string const& unit() const { return unit_; }
    std::string const& cgroups_path() const { return cgroups_path_; } // below the tree's top

private:
    Scope(Process holder, Channel channel, std::string unit, std::string path)
        : holder_(std::move(holder)), channel_(std::move(channel)), unit_(std::move(unit)), cgroups_path_(std::move(path)) {}
    Process holder_;
    Channel channel_;
    std::string unit_, cgroups_path_;
};

// What speaks to systemd, and of which unit. The manager is that of the calling user.
struct ScopeOwner {
    HostPath program;
    SystemdManager manager = SystemdManager::system;
    std::string unit;
};
Result<SystemdManager> own_systemd();
Result<void> change_scope(ScopeOwner const& owner, std::vector<UnitProperty> const& properties);
Result<void> stop_scope(ScopeOwner const& owner);
// A new scope around a process of the caller's, which stays for as long as somebody is in it. ENOENT when there is no systemd to ask.
Result<void> make_scope_around(ScopeOwner const& owner, pid_t pid, std::vector<UnitProperty> const& properties);
// Where the kernel lets only systemd do it (EACCES otherwise). `cgroups_path` is the scope's, or one below it.
Result<void> attach_to_scope(ScopeOwner const& owner, std::string_view cgroups_path, pid_t pid);

} // namespace bolt::oci
