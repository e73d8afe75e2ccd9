// The directory that an archive's next entry goes into. Archives are sorted by directory, so one open descriptor is
// nearly always the right one.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sys/root.h"

namespace bolt::image {

// An entry's place: relative, without ".", ".." and empty components.
struct Place {
    std::string directory; // "" is the top
    std::string leaf;      // "" for the top itself
    std::string text() const { return directory.empty() ? leaf : directory + "/" + leaf; }
};
// EINVAL when it leads out of the root by "..".
Result<Place> place_of(std::string_view name);

class ParentCache {
public:
    // `opaque` is the xattr that makes a directory opaque for overlay.
    ParentCache(Root const& target, std::string opaque) : target_(target), opaque_(std::move(opaque)) {}

    struct Parent {
        FdRef fd{-1};
        bool hands_down_group = false; // set-group-id directories give their group to new files
    };
    // Opens it, makes it (and says so in implied()) when it is not there. A whiteout on the way becomes an opaque directory, or
    // is ENOTDIR as everything else is that is no directory.
    enum class Whiteouts { become_directories, stay };
    Result<Parent> open(std::string const& directory, Whiteouts whiteouts = Whiteouts::become_directories);
    // Something that may have been a directory or a link to one was replaced.
    void forget();
    // Directories that were made because something is in them.
    std::set<std::string, std::less<>> const& implied() const { return implied_; }
    // The archive describes it after all.
    void not_implied(std::string const& directory) { implied_.erase(directory); }

private:
    Result<void> note_implied(std::string directory);
    Result<UniqueFd> make_step_by_step(std::string const& directory, Whiteouts whiteouts);

    Root const& target_;
    std::string opaque_;
    std::string directory_;
    UniqueFd fd_;
    bool hands_down_group_ = false;
    std::set<std::string, std::less<>> implied_; // so that parents come first
    std::size_t implied_size_ = 0;
};

} // namespace bolt::image
