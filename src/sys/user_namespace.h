// The calling user's id-mapped user namespace: made once by newuidmap(1) and newgidmap(1) and kept alive by whatever
// processes stay in it, so that the next command joins it by setns(2) in microseconds instead of milliseconds.
// user_namespaces(7), subuid(5), newuidmap(1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/path.h"
#include "sys/process.h"
#include "sys/users.h"

namespace bolt {

// One line of /proc/PID/uid_map.
struct IdRange {
    std::uint32_t inside, outside, count;
    bool operator==(IdRange const&) const = default;
};

struct IdMappings {
    std::vector<IdRange> users, groups;
    // Set when only the user's own id could be mapped: one sentence that says why, what it costs and the next step.
    std::optional<std::string> shortage;
};
// Inside 0 is the calling user; from 1 on come the user's ranges of /etc/subuid and /etc/subgid.
Result<IdMappings> mappings_of(CallingUser const& user);
std::string format_id_map(std::vector<IdRange> const& ranges);

struct UserNamespaceEntry {
    bool entered = false;                 // false for root, who needs none
    std::optional<std::string> shortage;  // as in IdMappings
};
// Puts the calling process, which must have no threads, into the user's namespace as its uid and gid 0. `holders` is the
// directory where processes that stay in one are registered; one of theirs is joined when its mappings are what they
// should be, else a new one is made. As root it does nothing.
Result<UserNamespaceEntry> enter_user_namespace_of_caller(HostPath const& holders);

// While this lives, others may join the calling process's user namespace.
class UserNamespaceHolder {
public:
    static Result<UserNamespaceHolder> register_self(HostPath const& holders);
    UserNamespaceHolder(UserNamespaceHolder&& other) noexcept : entry_(std::exchange(other.entry_, {})) {}
    UserNamespaceHolder& operator=(UserNamespaceHolder&&) = delete;
    ~UserNamespaceHolder();

private:
    explicit UserNamespaceHolder(HostPath entry) : entry_(std::move(entry)) {}
    std::optional<HostPath> entry_;
};

// Writes the mappings of a child that was cloned into a new user namespace: directly where one line of the caller's own
// id is enough or the caller has the privilege, else by newuidmap and newgidmap at the same time.
Result<void> write_id_maps(pid_t pid, IdMappings const& mappings);

// A namespace with these mappings and nobody in it.
Result<UniqueFd> make_user_namespace(IdMappings const& mappings);

} // namespace bolt
