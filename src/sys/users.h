// Users and groups as files say: /etc/passwd, /etc/group, /etc/subuid, /etc/subgid. No NSS: a static program must not
// load it, and an image's users are in its own files anyway.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace bolt {

struct PasswdEntry {
    std::string name;
    uid_t uid;
    gid_t gid;
    std::string home, shell;
};
struct GroupEntry {
    std::string name;
    gid_t gid;
    std::vector<std::string> members;
};
// passwd(5) and group(5); malformed lines are passed over, as libc does.
std::vector<PasswdEntry> parse_passwd(std::string_view text);
std::vector<GroupEntry> parse_group(std::string_view text);

// A range of ids that a user may map: subuid(5).
struct SubordinateRange {
    std::uint32_t first, count;
};
// The ranges in a subuid(5) text that belong to this user, by name or by decimal id.
std::vector<SubordinateRange> parse_subordinate_ranges(std::string_view text, std::string_view user, uid_t uid);

// The calling user on this host. The name is the uid in decimal when /etc/passwd has none; home is $HOME first.
struct CallingUser {
    uid_t uid;
    gid_t gid;
    std::string name, home;
};
Result<CallingUser> calling_user();
// As /etc/passwd calls a user; the uid in decimal when it has none.
Result<std::string> name_of_user(uid_t uid);

} // namespace bolt
