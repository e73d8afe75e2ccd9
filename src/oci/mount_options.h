// The options of config.json's mounts, sorted by who must be told: mount(8), and those of runc and crun. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "oci/mount_ids.h"
#include "sys/mount.h"

namespace bolt::oci {

// A source that is a symbolic link, by crun's options.
enum class SourceLink {
    followed,
    mounted, // src-nofollow: the link itself
    copied,  // copy-symlink: a link like it is made, and nothing mounted
};

// What a mount's options say, sorted by who must be told.
struct MountOptions {
    MountAttributes attributes, recursive;
    FilesystemOptions filesystem;
    std::vector<std::string_view> taken_back; // for a file system that may have them: async, nolazytime, nomand
    bool is_bind = false, copies_up = false, is_remount = false;
    Depth depth = Depth::top;
    std::optional<MappedOption> mapped;
    SourceLink source_link = SourceLink::followed;
    bool replaces_link = false;
};

// What is said later wins; "rro" and its like count on top too, and last, as runc and crun have it. EINVAL names an option that is none.
// The result views the texts.
Result<MountOptions> sort_mount_options(std::vector<std::string> const& options);

// Those of the whole file system, whatever its type: "sync", "lazytime"…
bool is_superblock_flag(std::string_view name);

// The options of mounts that are not a file system's own, sorted: for `features`.
std::vector<std::string> known_mount_options();

// "rprivate", "slave" …; EINVAL names the text. `depth` says whether it began with r.
struct Propagation {
    std::uint64_t type = 0;
    Depth depth = Depth::top;
};
Result<Propagation> parse_propagation(std::string_view text);

} // namespace bolt::oci
