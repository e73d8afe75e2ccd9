// Whose ids a bind mount shows as whose: config.md, mounts; mount_setattr(2), ID-mapped mounts. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "spec/runtime.h"
#include "sys/mount.h"
#include "sys/user_namespace.h"

namespace bolt::oci {

// Its own mappings, or those of a user namespace that exists.
struct MountIds {
    IdMappings mappings;
    std::string user_namespace; // a path, in place of the mappings
    Depth depth = Depth::top;
};

// The options idmap and ridmap.
struct MappedOption {
    Depth depth = Depth::top;
    std::string mappings; // crun's, after the "=": "uids=0-1-10#10-11-10;gids=0-100-10"; "" for those of the mount or the container
};

// Mappings of the mount's own, of its option, else the container's. EINVAL says what is missing or malformed.
Result<std::optional<MountIds>> plan_ids(spec::Mount const& mount, std::optional<MappedOption> const& option, spec::Linux const& section);

} // namespace bolt::oci
