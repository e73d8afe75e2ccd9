#include "oci/scope.h"

#include <unistd.h>

#include "sys/cgroup_membership.h"
#include "sys/device_filter.h"
#include "sys/file.h"

namespace bolt::oci {

namespace {

struct Asked {
    Process process;
    Channel channel;
};

Result<Asked> ask(HostPath const& program, std::string_view what, SystemdManager manager, std::string const& unit, Json const& message) {
    auto [ours, theirs] = TRY(Channel::make_pair());
    SpawnOptions options{.arguments = {"bolt-scope", std::string(what), manager == SystemdManager::system ? "system" : "user", unit}};
    options.inherited = {{theirs.fd().number(), Scope::channel_number}};
    auto const null = TRY(open_null());
    options.input = null;
    auto spawned = spawn(program, options).while_doing("ask systemd for a scope");
    if (!spawned) return Error(EIO, spawned.error().text()); // ENOENT is for a systemd that is not there
    auto process = std::move(spawned).value();
    theirs.close();
    TRY(ours.send(message.dump()));
    TRY(receive_report(ours, process, "ask systemd for a scope"));
    return Asked{std::move(process), std::move(ours)};
}

// A unit of the name may be on its way out: its container was removed a moment ago.
Result<Asked> ask_until_free(HostPath const& program, SystemdManager manager, std::string const& unit, std::vector<UnitProperty> const& properties) {
    constexpr int tries = 40; // of 50 ms at most
    Backoff backoff;
    for (int left = tries;; --left, backoff.wait()) {
        auto asked = ask(program, "start", manager, unit, to_json(properties));
        if (asked || !asked.error().is(EEXIST) || left == 0) return asked;
    }
}

} // namespace

Result<Scope> Scope::start(HostPath const& program, SystemdManager manager, ScopeName const& name, std::string_view description, std::vector<UnitProperty> properties) {
    properties.push_back({"Description", std::string(description)});
    properties.push_back({"Slice", name.slice});
    properties.push_back({"DefaultDependencies", false});
    auto asked = TRY(ask_until_free(program, manager, name.unit, properties));
    auto path = TRY(find_cgroup_ending(asked.process.pid(), "/" + name.unit));
    if (!path) return Error::of(EIO, "systemd has made '{}', and it is not where the program is that asked for it", name.unit);
    return Scope(std::move(asked.process), std::move(asked.channel), name.unit, std::move(*path));
}

Result<SystemdManager> own_systemd() { return geteuid() == 0 && TRY(in_initial_user_namespace()) ? SystemdManager::system : SystemdManager::user; }

Result<void> change_scope(ScopeOwner const& owner, std::vector<UnitProperty> const& properties) {
    TRY(ask(owner.program, "set", owner.manager, owner.unit, to_json(properties)));
    return {};
}

Result<void> stop_scope(ScopeOwner const& owner) {
    TRY(ask(owner.program, "stop", owner.manager, owner.unit, Json::array()));
    return {};
}

Result<void> make_scope_around(ScopeOwner const& owner, pid_t pid, std::vector<UnitProperty> const& properties) {
    Json message;
    message.set("pid", static_cast<std::int64_t>(pid)).set("properties", to_json(properties));
    TRY(ask(owner.program, "adopt", owner.manager, owner.unit, message));
    return {};
}

Result<void> attach_to_scope(ScopeOwner const& owner, std::string_view cgroups_path, pid_t pid) {
    auto const scope = cgroups_path.rfind("/" + owner.unit);
    Json message;
    message.set("pid", static_cast<std::int64_t>(pid));
    if (scope != cgroups_path.npos) message.set("subgroup", std::string(cgroups_path.substr(scope + 1 + owner.unit.size())));
    TRY(ask(owner.program, "attach", owner.manager, owner.unit, message));
    return {};
}

} // namespace bolt::oci
