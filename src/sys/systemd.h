// Units of systemd's, of the host's or of the calling user's: org.freedesktop.systemd1(5), https://systemd.io/CGROUP_DELEGATION.
// libsystemd is loaded when it is needed first, so only a program that is linked dynamically can use this.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace bolt {

enum class SystemdManager { system, user };

// D-Bus types b, u, t, x, s, au, ay, as in this order: a property has one of its own, and another is refused.
using UnitValue = std::variant<bool, std::uint32_t, std::uint64_t, std::int64_t, std::string, std::vector<std::uint32_t>, std::vector<std::uint8_t>, std::vector<std::string>>;
// "b", "as".
inline std::string_view dbus_type_of(UnitValue const& value) {
    constexpr std::string_view types[] = {"b", "u", "t", "x", "s", "au", "ay", "as"};
    return types[value.index()];
}

struct UnitProperty {
    std::string name;
    UnitValue value;
};

// ENOENT when there is no systemd that could be asked, or no libsystemd; EEXIST when a unit of the name is there; EPROTO with
// systemd's own words for what it refuses.
Result<void> start_transient_unit(SystemdManager manager, std::string const& unit, std::vector<UnitProperty> const& properties);
// Until the next start of the unit. Returns when systemd has changed the unit's cgroup too.
Result<void> set_unit_properties(SystemdManager manager, std::string const& unit, std::vector<UnitProperty> const& properties);

// Returns when the unit is gone, or was not there. Without this one whose processes ended and whose cgroup was taken away at once may
// stay for ever: systemd missed it. ETIMEDOUT when it does not go.
Result<void> stop_unit(SystemdManager manager, std::string const& unit);

// Moves a process of this user into a unit's cgroup: systemd may do it where the kernel refuses its owner, since the two cgroups have
// no common one that is the owner's. `subgroup` is "" or a path below the unit's cgroup: "/container".
Result<void> attach_to_unit(SystemdManager manager, std::string const& unit, std::string const& subgroup, pid_t pid);

// A transient scope with Delegate=yes for `pid`, which must be a process of this user; returns when the kernel says that it is
// there. ETIMEDOUT when systemd does not do it.
Result<void> move_into_new_scope(SystemdManager manager, pid_t pid, std::string const& unit, std::vector<UnitProperty> properties);

} // namespace bolt
