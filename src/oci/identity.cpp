#include "oci/identity.h"

#include <climits>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "oci/seccomp.h"
#include "sys/credentials.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::oci {

namespace {

Result<CapabilitySet> parse_set(std::vector<std::string> const& names, std::string_view which) {
    CapabilitySet set = 0;
    for (auto const& name : names) set |= CapabilitySet{1} << TRY(parse_capability(name).while_doing("process.capabilities.{}", which));
    return set;
}

Result<CapabilitySets> parse_sets(spec::Capabilities const& names) {
    CapabilitySets sets;
    sets.bounding = TRY(parse_set(names.bounding, "bounding"));
    sets.effective = TRY(parse_set(names.effective, "effective"));
    sets.permitted = TRY(parse_set(names.permitted, "permitted"));
    sets.inheritable = TRY(parse_set(names.inheritable, "inheritable"));
    sets.ambient = TRY(parse_set(names.ambient, "ambient"));
    return sets;
}

} // namespace

Result<Identity> plan_identity(spec::Process const& process, std::optional<spec::Seccomp> const& seccomp, std::optional<std::string> const& ready_program) {
    Identity identity{.process = &process};
    if (process.capabilities) TRY(parse_sets(*process.capabilities));
    for (auto const& limit : process.rlimits) TRY(parse_rlimit(limit.type).while_doing("process.rlimits"));
    if (ready_program) identity.seccomp_program = *ready_program;
    else if (seccomp) identity.seccomp_program = TRY(compile_seccomp(*seccomp));
    if (seccomp) identity.seccomp_flags = TRY(seccomp_flags(*seccomp));
    return identity;
}

std::vector<std::string> warn_of_capabilities(spec::Process const& process) {
    std::vector<std::string> warnings;
    if (!process.capabilities) return warnings;
    auto const have = own_bounding_set();
    for (auto const& name : process.capabilities->permitted)
        if (auto const number = parse_capability(name); number && (have >> number.value() & 1) == 0)
            warnings.push_back(fmt::format("process.capabilities: {} cannot be granted: this process does not have it", name));
    return warnings;
}

namespace {

// config.md: what cannot be granted is no failure.
Result<CapabilitySets> grantable(CapabilitySets sets) {
    auto const have = TRY(own_capabilities());
    sets.bounding &= have.bounding;
    sets.permitted &= have.permitted;
    sets.effective &= sets.permitted;
    sets.inheritable &= have.permitted | have.inheritable;
    sets.ambient &= sets.permitted & sets.inheritable;
    return sets;
}

Result<void> set_labels(spec::Process const& process, Procfs const& proc) {
    if (!process.apparmor_profile.empty()) {
        // Since Linux 5.8 AppArmor has a directory of its own; the file above it belongs to whichever module is first.
        auto const text = "exec " + process.apparmor_profile;
        if (!proc.write("self/attr/apparmor/exec", text)) TRY(proc.write("self/attr/exec", text).while_doing("process.apparmorProfile"));
    }
    if (!process.selinux_label.empty()) TRY(proc.write("self/attr/exec", process.selinux_label).while_doing("process.selinuxLabel"));
    return {};
}

Result<void> set_score(std::string const& file, spec::Process const& process, Procfs const& proc) {
    if (!process.oom_score_adj) return {};
    auto const wanted = fmt::format("{}", *process.oom_score_adj);
    auto written = proc.write(file, wanted);
    if (written) return {};
    // Lowering needs CAP_SYS_RESOURCE on the host; what is there already needs nothing.
    if (auto const now = proc.read(file); now && trim(now.value()) == wanted) return {};
    return std::move(written).while_doing("process.oomScoreAdj: lowering it to {} needs CAP_SYS_RESOURCE on the host", wanted);
}

// The container's root may enter what its user may not, as runc and its callers have it: an image whose working directory is
// /root runs for any user. A file system that refuses root (NFS) is asked again as the user.
Result<void> enter_working_directory(std::string const& path) {
    if (chdir(path.c_str()) < 0) {
        int const failure = errno;
        return Error::of(failure == ENOENT ? ENOTDIR : failure, "process.cwd: enter '{}': {}", path, strerror(failure));
    }
    // A working directory outside the root would be a door to the host (CVE-2024-21626): it has no path there.
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here) || here[0] != '/') return Error::of(EPERM, "process.cwd: '{}' is not inside the container", path);
    return {};
}

Result<void> set_limits(pid_t pid, spec::Process const& process) {
    for (auto const& limit : process.rlimits)
        TRY(set_rlimit_of(pid, TRY(parse_rlimit(limit.type)), limit.soft, limit.hard)
                .while_doing("process.rlimits: {} (raising a hard limit needs CAP_SYS_RESOURCE on the host)", limit.type));
    return {};
}

} // namespace

Result<void> set_limits_and_score(spec::Process const& process, Procfs const& proc) {
    TRY(set_score("self/oom_score_adj", process, proc));
    return set_limits(0, process);
}

Result<void> set_limits_and_score_of(pid_t pid, spec::Process const& process, Procfs const& proc) {
    TRY(set_score(fmt::format("{}/oom_score_adj", pid), process, proc));
    return set_limits(pid, process);
}

Result<void> assume_identity(Identity const& identity, Procfs const& proc) {
    auto const& process = *identity.process;
    auto entered = enter_working_directory(process.cwd);
    if (!entered && !entered.error().is(EACCES)) return entered;
    TRY(set_labels(process, proc));
    // None are listed: none are given, not those that the runtime has.
    auto const sets = TRY(grantable(TRY(parse_sets(process.capabilities.value_or(spec::Capabilities{})))));
    TRY(drop_bounding_capabilities_for_good(sets.bounding).while_doing("process.capabilities.bounding"));
    TRY(keep_capabilities_over_user_change());
    if (process.no_new_privileges) TRY(set_no_new_privileges());
    // Without no_new_privs the kernel wants CAP_SYS_ADMIN for a filter: it must be loaded while it is there.
    if (!identity.seccomp_program.empty() && !process.no_new_privileges) TRY(load_seccomp(identity.seccomp_program, identity.seccomp_flags).while_doing("linux.seccomp"));
    auto const& user = process.user;
    TRY(become_user(user.uid, user.gid, user.additional_gids).while_doing("process.user"));
    if (user.umask) umask(*user.umask);
    TRY(set_capabilities_for_good(sets).while_doing("process.capabilities"));
    if (!entered) entered = enter_working_directory(process.cwd);
    if (!entered && entered.error().is(EACCES)) return Error::of(ENOTDIR, "{}", entered.error().text()); // EACCES is the command's
    return entered;
}

Result<void> seal_identity(Identity const& identity) {
    if (!identity.seccomp_program.empty() && identity.process->no_new_privileges)
        return load_seccomp(identity.seccomp_program, identity.seccomp_flags).while_doing("linux.seccomp");
    return {};
}

} // namespace bolt::oci
