// --userns: which ids a container has, when they are not simply those of the user's own namespace. user_namespaces(7).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "engine/image_tree.h"
#include "engine/installation.h"
#include "engine/options.h"
#include "sys/user_namespace.h"

namespace bolt::engine {

// A user namespace of the container's own below the one that its monitor is in: config.json's uidMappings and gidMappings.
struct ContainerIds {
    std::vector<IdRange> users, groups;
    std::uint32_t root_user() const { return users.front().outside; } // what 0 inside is
    std::uint32_t root_group() const { return groups.front().outside; }
    std::string name; // the same for the same mappings: what mapped copies of an image are called
};

// keep-id: the calling user has the same id inside as outside; everybody else comes from the user's ranges, root included.
// EINVAL without ranges. Pure.
Result<ContainerIds> keep_ids(CallingUser const& user, IdMappings const& mappings);

// Numbers of ids that nobody but one container uses.
struct IdBlock {
    std::uint32_t first, count;
    bool operator==(IdBlock const&) const = default;
};
// The highest place for `count` ids in 0 … `available` - 1 beside those in use. Pure.
std::optional<IdBlock> find_free_block(std::vector<IdBlock> in_use, std::uint32_t available, std::uint32_t count);
// How many ids the image's users, its groups and `user` need: at least 1024, a multiple of it. "nobody" does not count: it stands
// for everybody without an id. Pure.
std::uint32_t ids_needed(std::string_view passwd, std::string_view group, std::uint32_t user);

// auto: ids that no other container has, from the calling user's ranges (root: those of the user "containers" in /etc/subuid and
// /etc/subgid), claimed for the container for as long as its directory exists. EUSERS when all are in use.
Result<ContainerIds> claim_ids(Installation const& here, ContainerId const& id, std::uint32_t count);

} // namespace bolt::engine
