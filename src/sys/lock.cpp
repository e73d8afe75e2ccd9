#include "sys/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"

namespace bolt {

namespace {
// On a file system that became read-only nobody can change anything, but those who only look want their locks still: flock(2) asks
// for no right to write.
Result<UniqueFd> open_lock(HostPath const& file, LockMode mode) {
    auto fd = open_file(file, O_RDWR | O_CREAT, 0600);
    if (!fd && fd.error().is(EROFS) && mode == LockMode::shared) fd = open_file(file, O_RDONLY);
    return std::move(fd).while_doing("lock");
}
} // namespace

Result<std::optional<FileLock>> FileLock::find(HostPath const& file, LockMode mode) {
    for (;;) {
        auto fd = TRY(open_lock(file, mode));
        if (flock(fd.number(), (mode == LockMode::shared ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0) {
            if (errno == EINTR) continue;
            if (errno == EWOULDBLOCK) return std::optional<FileLock>();
            return Error::from_errno("lock '{}'", file);
        }
        // The file may have been removed or replaced between open and flock; then the lock is on nothing.
        struct stat held {}, named {};
        if (fstat(fd.number(), &held) < 0) return Error::from_errno("look at lock '{}'", file);
        if (stat(file.c_str(), &named) < 0 || held.st_ino != named.st_ino || held.st_dev != named.st_dev) continue;
        if (mode == LockMode::exclusive) say_holder(fd);
        return std::optional(FileLock(std::move(fd)));
    }
}

void say_holder(FdRef lock) {
    auto const pid = fmt::format("{}\n", getpid());
    // For other people's error messages, and a monitor that has lost its files: a failure changes nothing else.
    if (ftruncate(lock.number(), 0) == 0 && pwrite(lock.number(), pid.data(), pid.size(), 0) < 0) errno = 0;
}

void say_nobody(FdRef lock) { (void)!ftruncate(lock.number(), 0); } // as above
void release_lock(FdRef lock) { flock(lock.number(), LOCK_UN); }    // fails for what is no descriptor only

Result<std::optional<FileLock>> FileLock::find_directory(HostPath const& directory) {
    auto fd = TRY(open_file(directory, O_RDONLY | O_DIRECTORY).while_doing("lock"));
    if (flock(fd.number(), LOCK_EX | LOCK_NB) == 0) return std::optional(FileLock(std::move(fd)));
    return errno == EWOULDBLOCK ? Result<std::optional<FileLock>>(std::nullopt) : Error::from_errno("lock '{}'", directory);
}

Result<FileLock> FileLock::acquire_directory(HostPath const& directory, std::chrono::milliseconds patience) {
    auto const end = std::chrono::steady_clock::now() + patience;
    for (Backoff backoff;; backoff.wait()) {
        if (auto lock = TRY(find_directory(directory))) return std::move(*lock);
        if (std::chrono::steady_clock::now() >= end) return Error::of(EWOULDBLOCK, "somebody else is changing files in '{}'; try again", directory);
    }
}

Result<FileLock> FileLock::acquire(HostPath const& file, LockMode mode, std::chrono::milliseconds patience) {
    auto const end = std::chrono::steady_clock::now() + patience;
    Backoff backoff;
    for (;;) {
        if (auto lock = TRY(find(file, mode))) return std::move(*lock);
        if (std::chrono::steady_clock::now() >= end) {
            auto const holder = read_file(file);
            return Error::of(EWOULDBLOCK, "'{}' is locked by process {}", file, holder && !trim(holder.value()).empty() ? trim(holder.value()) : "(unknown)");
        }
        backoff.wait();
    }
}

} // namespace bolt
