// Work on files of subordinate ids: done in a child inside the user's namespace, since the caller keeps its own.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.h"
#include "engine/installation.h"

namespace bolt::engine {

// As root the work is done at once, in this process. `doing` is for the message when the child dies: "copy files".
Result<void> do_as_namespace_root(Installation const& here, std::string_view doing, std::function<Result<void>()> const& work);

// A tree that may hold files of subordinate ids. What is not there is no error.
Result<void> remove_tree_of_container(Installation const& here, HostPath const& path);

} // namespace bolt::engine
