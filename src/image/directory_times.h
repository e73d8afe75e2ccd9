// The times of directories, kept until nothing is made in them any more.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <time.h>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/root.h"

namespace bolt::image {

// A layer may have millions of directories: beyond a megabyte they wait in a file without a name.
class DirectoryTimes {
public:
    // `target` must outlive this; the file is in its file system.
    explicit DirectoryTimes(Root const& target) : target_(target) {}

    Result<void> add(std::string_view path, timespec modified);
    // To those that are directories still, and there. Of one that was added twice, the later time counts.
    Result<void> set() const;

private:
    Result<void> set_all(std::string_view records, std::string& directory, UniqueFd& held) const;

    Root const& target_;
    std::string waiting_; // records: seconds, nanoseconds, length of the path, the path
    UniqueFd file_;
};

} // namespace bolt::image
