// Files of the host that become part of a container. Root of a new user namespace may not reach what the caller may (a home
// directory of mode 0700), so for such a container init opens them while it still has the caller's ids.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "oci/container.h"
#include "oci/mount_plan.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt::oci {

class Sources {
public:
    // Nothing is opened: every path is looked up when it is used.
    Sources() = default;
    // Everything that the request and its mounts name and that is there already.
    static Sources open_all(CreateRequest const& request, std::vector<MountStep> const& mounts);

    // A path that leads to the same file, for the calling process: its own, or that of the open descriptor.
    HostPath reachable(HostPath const& path) const;

private:
    void open(HostPath const& path);
    std::vector<std::pair<std::string, UniqueFd>> opened_;
};

// Where root.path is.
Result<HostPath> root_directory(CreateRequest const& request);

} // namespace bolt::oci
