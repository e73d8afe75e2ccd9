// With --userns=keep-id the calling user runs the command: programs want to find it in the container's /etc/passwd and
// /etc/group. passwd(5), group(5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/container_spec.h"
#include "sys/users.h"

namespace bolt::engine {

// The image's text with a line for the user at its end; the text as it is when the id, or its name, has one. Pure.
std::string passwd_with(CallingUser const& user, std::string_view home, std::string_view passwd);
std::string group_with(CallingUser const& user, std::string_view group);

// Writes the files that differ from the image's into the container's directory, and returns their mounts.
Result<std::vector<PlannedMount>> add_own_user(CallingUser const& user, std::string_view home, std::string_view passwd, std::string_view group, HostPath const& directory);

} // namespace bolt::engine
