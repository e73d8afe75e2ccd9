// Copies out of an image's layers, with owners, modes, times, extended attributes and hard links.
#pragma once

#include <vector>

#include "base/result.h"
#include "engine/image_tree.h"
#include "sys/fd.h"
#include "sys/user_namespace.h"

namespace bolt::engine {

// Which owner a copy gets for each that a file has, both as the calling process sees them. Empty: the same.
struct OwnerMap {
    std::vector<IdRange> users, groups;
};

// What is in the directory `source` into the empty directory `target`, which gets the source's own attributes as well. Sockets
// are left out; device nodes need privilege (EPERM). EOVERFLOW names a file whose owner is not in the map.
Result<void> copy_tree(ImageNode const& source, FdRef target, OwnerMap const& owners = {});
// Owner, mode and times only.
Result<void> copy_attributes(ImageNode const& source, FdRef target, OwnerMap const& owners = {});

} // namespace bolt::engine
