// Which capabilities a container's processes have: docker's default set, and what --cap-add and --cap-drop make of it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bolt::engine {

// "CAP_CHOWN" …, the fourteen of docker.
std::span<std::string_view const> default_capabilities();

// `add` and `drop` as written: "NET_ADMIN", "cap_net_admin", "ALL". ALL on one side and single names on the other mean "all but"
// and "only"; a single name on both sides is added, as docker has it. EINVAL for a name that no kernel knows. The result is
// in the kernel's order.
Result<std::vector<std::string>> choose_capabilities(std::vector<std::string> const& add, std::vector<std::string> const& drop);

} // namespace bolt::engine
