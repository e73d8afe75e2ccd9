// Containers' names: store/names/NAME is a symbolic link to the container's id, made with O_EXCL's rule, so that a name is
// unique because the file system says so.
//
// A name belongs to somebody as long as the container's directory holds a record or its lock is taken: `create` takes the
// lock first, then the name, and writes the record last. A link for which neither holds was left by a process that was
// killed, and the next one who wants the name takes it over.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "store/layout.h"

namespace bolt::engine {

// EEXIST names the container that has the name, and how to be rid of it. The caller holds the lock of `id`'s directory.
Result<void> take_name(store::Layout const& layout, std::string_view name, ContainerId const& id);
// A free name of two words, taken.
Result<std::string> take_generated_name(store::Layout const& layout, ContainerId const& id);
// Only when the name is this container's.
Result<void> release_name(store::Layout const& layout, std::string_view name, std::string_view id);

// adjective_noun; the same number gives the same name.
std::string generated_name(std::uint64_t number);

} // namespace bolt::engine
