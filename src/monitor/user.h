// Whom `bolt exec --user` and an image's `USER` name: docker's USER[:GROUP], looked up in a container's own files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/json.h"
#include "base/result.h"
#include "sys/root.h"

namespace bolt::monitor {

struct ContainerUser {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> additional_groups; // those of /etc/group that list the user, when no group was named
    std::string home = "/";
};
// config.json's process.user.
Json to_json(ContainerUser const& user);
// Names or decimal ids; "" is user 0. An id needs no entry; a name without one is ENOENT naming the file.
// `passwd` and `group` are the files' texts. Pure.
Result<ContainerUser> resolve_user(std::string_view text, std::string_view passwd, std::string_view group);
// The same from /etc/passwd and /etc/group of a root; files that are missing are empty.
Result<ContainerUser> find_user(Root const& root, std::string_view text);

} // namespace bolt::monitor
