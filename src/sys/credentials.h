// Who a process is and what it may: credentials(7), capabilities(7), setrlimit(2), seccomp(2), keyrings(7).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "sys/fd.h"

namespace bolt {

// A set of capabilities: bit N for capability N.
using CapabilitySet = std::uint64_t;

// "CAP_NET_ADMIN" to its number; EINVAL names a text that is no capability.
Result<unsigned> parse_capability(std::string_view name);
std::vector<std::string> capability_names(); // all that are known, in order
// Those of `asked` that are in the calling thread's bounding set: each costs a system call.
CapabilitySet own_bounding_set(CapabilitySet asked);

struct CapabilitySets {
    CapabilitySet bounding = 0, effective = 0, permitted = 0, inheritable = 0, ambient = 0;
};
// The calling thread's own effective, permitted and inheritable ones.
Result<CapabilitySets> own_capabilities();
// Everything outside the set leaves the bounding set. EPERM without CAP_SETPCAP.
Result<void> drop_bounding_capabilities_for_good(CapabilitySet kept);
// The permitted set outlives the next change of user.
Result<void> keep_capabilities_over_user_change();
// All but the bounding set.
Result<void> set_capabilities_for_good(CapabilitySets const& sets);

// setgroups(2), setresgid(2), setresuid(2). Groups are left alone where the user namespace forbids setting them and none are
// wanted.
Result<void> become_user(uid_t uid, gid_t gid, std::vector<gid_t> const& groups);
// The supplementary groups stay as they are.
Result<void> become_user_in_own_groups(uid_t uid, gid_t gid);

Result<void> set_no_new_privileges();
// A BPF program, as bytes of a struct sock_filter array; flags are seccomp(2)'s. EACCES without CAP_SYS_ADMIN or
// no_new_privileges.
Result<void> load_seccomp(std::string_view program, unsigned flags);
// The same for a filter that asks a supervisor (SECCOMP_RET_USER_NOTIF): `hand_over` gets the descriptor on which it is asked, in a
// thread that the filter does not bind, before this returns. The caller must exec or end soon: it has a thread now.
Result<void> load_seccomp_with_listener(std::string_view program, unsigned flags, std::function<Result<void>(FdRef)> const& hand_over);

// "RLIMIT_NOFILE" to its number; EINVAL names a text that is no resource.
Result<int> parse_rlimit(std::string_view name);
std::vector<std::string> rlimit_names();
// ~0 is no limit. EPERM for a hard limit above the present one without CAP_SYS_RESOURCE in the initial user namespace.
Result<void> set_rlimit(int resource, std::uint64_t soft, std::uint64_t hard);
// Another process's, by prlimit(2).
Result<void> set_rlimit_of(pid_t pid, int resource, std::uint64_t soft, std::uint64_t hard);

// A new session keyring of this name. Where keyrings are forbidden or used up this is an error to ignore.
Result<void> join_session_keyring(std::string const& name);

} // namespace bolt
