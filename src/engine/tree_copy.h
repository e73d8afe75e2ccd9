// Copies out of an image's layers, with owners, modes, times and extended attributes.
#pragma once

#include "base/result.h"
#include "engine/image_tree.h"
#include "sys/fd.h"

namespace bolt::engine {

// What is in the directory `source` into the empty directory `target`, which gets the source's own attributes as well. Hard
// links become separate files; sockets are left out; device nodes need privilege (EPERM).
Result<void> copy_tree(ImageNode const& source, FdRef target);
// Owner, mode and times only.
Result<void> copy_attributes(ImageNode const& source, FdRef target);

} // namespace bolt::engine
