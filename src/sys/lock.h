// flock(2) locks on files of their own. They belong to the open file description: they survive other descriptors of the
// file being closed, are inherited over fork, and end with the last holder. Never POSIX fcntl locks.
#pragma once

#include <chrono>
#include <optional>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt {

enum class LockMode { shared, exclusive };

class FileLock {
public:
    // Tries with back-off until `patience` is over, then EWOULDBLOCK naming the holder's pid when it is known. The file is
    // made when it is missing. An exclusive holder writes its pid into it. A shared lock can be had on a read-only file system too, when
    // the file is there.
    static Result<FileLock> acquire(HostPath const& file, LockMode mode, std::chrono::milliseconds patience);
    // One try; none when somebody else holds it.
    static Result<std::optional<FileLock>> find(HostPath const& file, LockMode mode);
    // One try for a directory itself, exclusively: of somebody who has just made it, or comes to remove it.
    static Result<std::optional<FileLock>> find_directory(HostPath const& directory);
    // The same until `patience` is over: of somebody who changes a file in it. EWOULDBLOCK then.
    static Result<FileLock> acquire_directory(HostPath const& directory, std::chrono::milliseconds patience);

    FdRef fd() const { return fd_; }
    void release() { fd_.close(); }

private:
    explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

// Who inherited a lock's descriptor says that it is the holder now.
void say_holder(FdRef lock);
// The file says that nobody is the holder, who still is.
void say_nobody(FdRef lock);
// Of every copy of the descriptor.
void release_lock(FdRef lock);

} // namespace bolt
