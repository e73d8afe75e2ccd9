// An untrusted directory tree: an image's or a container's root file system, a bundle, an archive's target.
#pragma once

#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt {

// Every look-up resolves as in a chroot: absolute links and ".." stay inside, magic links (/proc/PID/fd…) are refused.
// openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS does it; Linux < 5.6 walks component by component instead.
class Root {
public:
    static Result<Root> open(HostPath const& path);
    // Takes over a descriptor of a directory (O_PATH will do).
    explicit Root(UniqueFd top) : top_(std::move(top)) {}

    FdRef top() const { return top_; }

    // Links are followed, the last one too unless the flags say O_NOFOLLOW. O_CLOEXEC is added.
    Result<UniqueFd> open_path(RootPath const& path, int flags, mode_t mode = 0) const;
    // The directory that holds `path`'s last component, as an O_PATH descriptor. EINVAL for the top.
    Result<UniqueFd> open_parent(RootPath const& path) const;
    // Makes missing directories on the way (links are followed, as for look-ups; one that leads nowhere yet, to where it leads) and
    // returns the last one, O_PATH. EEXIST when links go on beyond `links_left`.
    Result<UniqueFd> make_directories(RootPath const& path, mode_t mode, int links_left = 8) const;
    // An empty file unless something is there; with its parents, and at the end of a link that leads nowhere yet. Returns it as
    // O_PATH. EEXIST when links go on beyond `links_left`.
    Result<UniqueFd> make_file(RootPath const& path, mode_t mode, int links_left = 8) const;
    // Small files such as /etc/passwd: regular files only, at most `limit` bytes.
    Result<std::string> read_file(RootPath const& path, std::size_t limit = 4u << 20) const;

private:
    Result<UniqueFd> open_made(RootPath const& path, FdRef made) const;
    Result<UniqueFd> open_text(std::string const& path, int flags, mode_t mode) const;
    UniqueFd top_;
};

} // namespace bolt
