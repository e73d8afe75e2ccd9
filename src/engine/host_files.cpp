#include "engine/host_files.h"

namespace bolt::engine {

std::vector<PlannedMount> host_file_mounts(HostPath const& run_directory) {
    std::vector<PlannedMount> mounts;
    for (auto const name : {"hosts", "hostname", "resolv.conf"})
        mounts.push_back({fmt::format("/etc/{}", name), "bind", (run_directory / name).text(), {"rbind", "rprivate", "rw"}});
    return mounts;
}

} // namespace bolt::engine
