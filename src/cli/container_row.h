// A container as a line of `bolt ps`.
#pragma once

#include <string>

#include "cli/list_format.h"
#include "engine/containers.h"

namespace bolt::cli {

enum class Width { brief, full };

// Docker's STATUS: "Up 3 seconds", "Exited (0) 2 minutes ago", "Created".
std::string status_text(monitor::State const& state, Time now);
// "2026-11-21 05:32:39 +0000 UTC", as docker's CreatedAt.
std::string created_text(Time time);
ListRow container_row(engine::Container const& container, Width width, Time now);

} // namespace bolt::cli
