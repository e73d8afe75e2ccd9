// namespaces(7): flags, joining, and what a process makes for itself.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/procfs.h"

namespace bolt {

// clone(2)'s flags.
namespace namespace_flag {
constexpr unsigned long mount = 0x0002'0000, cgroup = 0x0200'0000, uts = 0x0400'0000, ipc = 0x0800'0000, user = 0x1000'0000, pid = 0x2000'0000,
                        network = 0x4000'0000, time = 0x80;
} // namespace namespace_flag

// unshare(2).
Result<void> make_own_namespaces(unsigned long flags);
// How far a clock of a new time namespace is ahead of the host's. time_namespaces(7).
struct ClockOffset {
    std::string_view clock; // monotonic, boottime
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;
};
// Makes a time namespace, sets its clocks while nobody is in it, and enters it. `proc` shows the calling process as "self".
Result<void> enter_new_time_namespace(std::vector<ClockOffset> const& offsets, Procfs const& proc);
// setns(2) of one namespace by its file; EINVAL when the file is of another kind.
Result<void> join_namespace(FdRef file, unsigned long flag);
// setns(2) by pidfd (Linux 5.8), all at once; before, one by one through /proc. Namespaces that the caller is in already
// may not be among the flags when they are user namespaces.
Result<void> join_namespaces_of(FdRef pidfd, pid_t pid, unsigned long flags);
// Which of the flags stand for namespaces that process `pid` has and the caller has not.
Result<unsigned long> namespaces_that_differ(pid_t pid, unsigned long flags);

Result<void> set_host_name(std::string_view name);   // sethostname(2)
Result<void> set_domain_name(std::string_view name); // setdomainname(2)

} // namespace bolt
