#include "sys/namespaces.h"

#include <array>

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/file.h"

namespace bolt {

namespace {
// In the order of joining: the user namespace first, for the privilege over the others.
constexpr std::array<std::pair<unsigned long, char const*>, 8> files{{{namespace_flag::user, "user"},
                                                                      {namespace_flag::ipc, "ipc"},
                                                                      {namespace_flag::uts, "uts"},
                                                                      {namespace_flag::network, "net"},
                                                                      {namespace_flag::pid, "pid"},
                                                                      {namespace_flag::cgroup, "cgroup"},
                                                                      {namespace_flag::time, "time"},
                                                                      {namespace_flag::mount, "mnt"}}};
} // namespace

Result<void> make_own_namespaces(unsigned long flags) {
    if (unshare(static_cast<int>(flags)) < 0) return Error::from_errno("make namespaces");
    return {};
}

Result<void> enter_new_time_namespace(std::vector<ClockOffset> const& offsets, Procfs const& proc) {
    TRY(make_own_namespaces(namespace_flag::time));
    std::string text;
    for (auto const& offset : offsets) text += fmt::format("{} {} {}\n", offset.clock, offset.seconds, offset.nanoseconds);
    if (!text.empty()) TRY(proc.write("self/timens_offsets", text).while_doing("set the clocks"));
    // unshare(2) leaves the caller where it is: only children enter, and whoever joins.
    auto const made = TRY(proc.open_namespace("self/ns/time_for_children"));
    return join_namespace(made, namespace_flag::time);
}

Result<void> join_namespace(FdRef file, unsigned long flag) {
    if (setns(file.number(), static_cast<int>(flag)) < 0) return Error::from_errno("join a namespace");
    return {};
}

Result<void> join_namespaces_of(FdRef pidfd, pid_t pid, unsigned long flags) {
    if (flags == 0) return {};
    if (pidfd.is_open() && setns(pidfd.number(), static_cast<int>(flags)) == 0) return {};
    if (pidfd.is_open() && errno != EINVAL && errno != EBADF) return Error::from_errno("join the namespaces of process {}", pid);
    // Linux < 5.8. All files are opened before the first is joined: afterwards /proc may be another.
    std::vector<std::pair<UniqueFd, unsigned long>> open;
    for (auto const& [flag, name] : files)
        if ((flags & flag) != 0) open.emplace_back(TRY(open_file(TRY(HostPath::parse(fmt::format("/proc/{}/ns/{}", pid, name))), O_RDONLY)), flag);
    for (auto const& [file, flag] : open) TRY(join_namespace(file, flag).while_doing("process {}", pid));
    return {};
}

Result<unsigned long> namespaces_that_differ(pid_t pid, unsigned long flags) {
    unsigned long differing = 0;
    for (auto const& [flag, name] : files) {
        if ((flags & flag) == 0) continue;
        auto const theirs = stat_file(TRY(HostPath::parse(fmt::format("/proc/{}/ns/{}", pid, name))));
        if (!theirs && theirs.error().is(ENOENT)) continue; // a kernel without this kind
        auto const ours = TRY(stat_file(TRY(HostPath::parse(fmt::format("/proc/self/ns/{}", name)))));
        if (TRY(theirs).st_ino != ours.st_ino || theirs.value().st_dev != ours.st_dev) differing |= flag;
    }
    return differing;
}

Result<void> set_host_name(std::string_view name) {
    if (sethostname(name.data(), name.size()) < 0) return Error::from_errno("set the host name '{}'", name);
    return {};
}

Result<void> set_domain_name(std::string_view name) {
    if (setdomainname(name.data(), name.size()) < 0) return Error::from_errno("set the domain name '{}'", name);
    return {};
}

} // namespace bolt
