// Files of the host that become part of a container. Root of a new user namespace may not reach what the caller may (a home
// directory of mode 0700), so for such a container init opens them while it still has the caller's ids.
#pragma once

#include <fcntl.h>

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "oci/container.h"
#include "oci/mount_plan.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt::oci {

// A bind mount that only the caller can make: its owners are mapped with the caller's privilege over the file system.
struct MappedMount {
    BindMount const* step; // of the plan, which outlives this
    Mount mount;
};
Result<std::vector<MappedMount>> make_mapped_mounts(std::vector<MountStep> const& mounts);

class Sources {
public:
    // Nothing is opened: every path is looked up when it is used.
    Sources() = default;
    // Everything that the request and its mounts name and that is there already.
    static Sources open_all(CreateRequest const& request, std::vector<MountStep> const& mounts);

    // A path that leads to the same file, for the calling process: its own, or that of the open descriptor.
    HostPath reachable(HostPath const& path) const;
    // The source of a bind mount, opened with O_PATH: a link itself, unless the mount follows it.
    Result<UniqueFd> open_source(BindMount const& step) const;

    // What make_mapped_mounts() made before the clone; it outlives this.
    void lend(std::vector<MappedMount> const& mapped) { mapped_ = &mapped; }
    // What is bound as shared where the container's root is: a copy stays the host's peer, so that mounts below it go both ways, if it
    // is made before this mount namespace is cut off.
    Result<void> copy_shared(spec::Linux const& section, std::vector<MountStep> const& mounts);
    // A mount that is made already; nullptr for none.
    MappedMount const* find_made(BindMount const& step) const;

private:
    void open(HostPath const& path, int flags = O_PATH);
    UniqueFd const* find(std::string const& path, int flags) const;
    struct Opened {
        std::string path;
        int flags;
        UniqueFd file;
    };
    std::vector<Opened> opened_;
    std::vector<MappedMount> const* mapped_ = nullptr;
    std::vector<MappedMount> shared_;
};

// Where root.path is.
Result<HostPath> root_directory(CreateRequest const& request);

} // namespace bolt::oci
