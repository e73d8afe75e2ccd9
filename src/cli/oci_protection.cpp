#include "cli/oci_protection.h"

#include "cli/oci_commands.h"
#include "sys/file.h"
#include "sys/own_program.h"
#include "sys/process.h"

namespace bolt::cli {

namespace {

// In a user namespace nobody may write to the files of users that it does not have.
Result<bool> owner_is_in_namespace(spec::Linux const& spec) {
    auto const program = TRY(open_own_program());
    auto const status = TRY(stat_fd(program));
    if ((status.st_mode & 022) != 0) return true;
    for (auto const& map : spec.uid_mappings)
        if (status.st_uid >= map.host_id && status.st_uid - map.host_id < map.size) return true;
    return false;
}

} // namespace

Result<UniqueFd> protect_program(spec::Runtime const& spec, ProgramRuns runs) {
    auto const* const pid = spec.linux_.find(spec::NamespaceType::pid);
    auto const* const user = spec.linux_.find(spec::NamespaceType::user);
    // With a pid namespace of its own nothing of the container outlives it, and no process of it ever runs this program: its init is
    // the only one that could, and may not be it again (oci/command.cpp).
    bool const nothing_is_left = runs == ProgramRuns::as_long_as_the_container && pid && pid->path.empty();
    if (nothing_is_left && own_program_is_busy()) return UniqueFd();
    if (user && user->path.empty() && !TRY(owner_is_in_namespace(spec.linux_))) return UniqueFd();
    auto held = continue_unwritable(oci_command::globals().arguments);
    // ENOENT and EACCES would be said of the container's command.
    if (!held) return Error(EPERM, held.error().text());
    // Its children close the mount first, and no container's process may look at them before. In a user namespace they cannot be
    // hidden: there it is let go of at once.
    if (user) held.value().close();
    else if (held.value().is_open()) TRY(set_not_dumpable());
    return held;
}

} // namespace bolt::cli
