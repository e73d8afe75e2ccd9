// A container's files, running or not: what it changed against its image, and archives of that or of everything. Its mounts, volumes
// too, are not part of them.
//
// Situation: inside the user's user namespace (or root), as whoever reads files of mapped ids must be. Nothing is mounted and the
//            container goes on: what is written meanwhile may be in there or not.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/containers.h"
#include "image/tar_writer.h"

namespace bolt::engine {

struct FileChange {
    enum class Kind { added, changed, deleted } kind;
    std::string path; // "/etc/new"
};
// In the order of the paths. What was only made to mount something on is left out.
Result<std::vector<FileChange>> list_changes(Container const& container);

// The changes as a layer: layer.md of the OCI image specification, whiteouts included. Owners are those inside the container.
Result<void> write_changes(Container const& container, image::TarWriter& archive);
// Everything that the container has.
Result<void> write_files(Container const& container, image::TarWriter& archive);

} // namespace bolt::engine
