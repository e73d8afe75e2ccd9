// /proc, verified: a handle that was seen to be procfs's own root, and look-ups that cannot leave it. The only way to write
// settings of processes and sysctls: a mount that somebody put over /proc cannot divert them.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/result.h"
#include "sys/fd.h"

namespace bolt {

class Procfs {
public:
    // EINVAL when /proc is not procfs.
    static Result<Procfs> open();
    // `path` is relative: "self/oom_score_adj", "sys/net/ipv4/ip_forward". The kernel takes most of them in one write(2).
    Result<void> write(std::string const& path, std::string_view text) const;
    Result<std::string> read(std::string const& path) const;
    // A namespace by its file: "self/ns/net". EINVAL when what is there is none.
    Result<UniqueFd> open_namespace(std::string const& path) const;
    FdRef fd() const { return top_; }
    // What an O_PATH descriptor of the calling process refers to, opened.
    Result<UniqueFd> reopen(FdRef handle, int flags) const;
    // The calling process as this procfs counts: on the host's, the host's pid of a process inside a pid namespace.
    Result<pid_t> own_pid() const;

private:
    explicit Procfs(UniqueFd top) : top_(std::move(top)) {}
    Result<UniqueFd> open_below(std::string const& path, int flags) const;
    UniqueFd top_;
};

} // namespace bolt
