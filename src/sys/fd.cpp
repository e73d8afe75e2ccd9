#include "sys/fd.h"

#include <algorithm>
#include <limits>

#include <cstdlib>

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bolt {

FdRef::FdRef(UniqueFd const& owner) : fd_(owner.number()) {}
FdRef FdRef::working_directory() { return FdRef(AT_FDCWD); }

void UniqueFd::close() {
    // After close(2) the descriptor is gone whatever it returned, EINTR included (Linux): never again.
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<UniqueFd> duplicate(FdRef fd) {
    UniqueFd copy(fcntl(fd.number(), F_DUPFD_CLOEXEC, 3));
    if (!copy.is_open()) return Error::from_errno("duplicate descriptor {}", fd.number());
    return copy;
}

Result<void> duplicate_onto(FdRef fd, int number) {
    // dup2 onto itself would leave close-on-exec set.
    if (fd.number() == number) return set_on_exec(fd, OnExec::inherit);
    if (dup2(fd.number(), number) < 0) return Error::from_errno("make descriptor {} of {}", number, fd.number());
    return {};
}

Result<void> set_on_exec(FdRef fd, OnExec what) {
    if (fcntl(fd.number(), F_SETFD, what == OnExec::close ? FD_CLOEXEC : 0) < 0) return Error::from_errno("set the flags of descriptor {}", fd.number());
    return {};
}

Result<void> set_nonblocking(FdRef fd) {
    int const flags = fcntl(fd.number(), F_GETFL);
    if (flags < 0 || fcntl(fd.number(), F_SETFL, flags | O_NONBLOCK) < 0) return Error::from_errno("make descriptor {} non-blocking", fd.number());
    return {};
}

namespace {
// For kernels before 5.9 (close_range) and before 5.11 (its CLOEXEC flag). Retired when 5.11 is the oldest supported.
Result<void> walk_descriptors(int first, int last, RangeAction action) {
    auto* const listing = opendir("/proc/self/fd");
    if (!listing) return Error::from_errno("list /proc/self/fd");
    std::vector<int> open;
    while (auto const* const entry = readdir(listing)) {
        int const fd = std::atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd >= first && fd <= last && fd != dirfd(listing)) open.push_back(fd);
    }
    closedir(listing);
    for (int const fd : open) {
        if (action == RangeAction::close)
            ::close(fd);
        else
            TRY(set_on_exec(FdRef(fd), OnExec::close));
    }
    return {};
}

Result<void> close_between(int first, int last, RangeAction action) {
    if (first > last) return {};
    unsigned const flags = action == RangeAction::close ? 0 : CLOSE_RANGE_CLOEXEC;
    if (syscall(SYS_close_range, static_cast<unsigned>(first), static_cast<unsigned>(last), flags) == 0) return {};
    if (errno != ENOSYS && errno != EINVAL && errno != EPERM) return Error::from_errno("close descriptors from {}", first);
    return walk_descriptors(first, last, action);
}
constexpr int last_descriptor = std::numeric_limits<int>::max();
} // namespace

Result<void> close_from(int first, RangeAction action) { return close_between(first, last_descriptor, action); }

Result<void> close_others(std::vector<FdRef> kept) {
    std::sort(kept.begin(), kept.end(), [](FdRef a, FdRef b) { return a.number() < b.number(); });
    int first = 3;
    for (auto const fd : kept) {
        if (fd.number() < first) continue;
        TRY(close_between(first, fd.number() - 1, RangeAction::close));
        first = fd.number() + 1;
    }
    return close_between(first, last_descriptor, RangeAction::close);
}

Result<std::size_t> read_some(FdRef fd, std::span<char> buffer) {
    for (;;) {
        auto const count = read(fd.number(), buffer.data(), buffer.size());
        if (count >= 0) return static_cast<std::size_t>(count);
        if (errno != EINTR) return Error::from_errno("read");
    }
}

Result<std::string> read_to_end(FdRef fd, std::size_t limit) {
    char piece[4096];
    std::string all;
    for (std::size_t filled = 0;;) {
        std::size_t count = 0;
        if (filled < sizeof piece) { // most files are small: no page is touched that they do not fill
            count = TRY(read_some(fd, piece));
            all.append(piece, count);
        } else {
            if (all.size() - filled < sizeof piece) all.resize(filled * 2);
            count = TRY(read_some(fd, {all.data() + filled, all.size() - filled}));
        }
        filled += count;
        if (filled > limit) return Error::of(EFBIG, "larger than {} bytes", limit);
        if (count != 0) continue;
        all.resize(filled);
        return all;
    }
}

Result<void> write_all(FdRef fd, std::string_view bytes) {
    while (!bytes.empty()) {
        auto const count = write(fd.number(), bytes.data(), bytes.size());
        if (count >= 0)
            bytes.remove_prefix(static_cast<std::size_t>(count));
        else if (errno != EINTR)
            return Error::from_errno("write");
    }
    return {};
}

Result<UniqueFd> make_memory_file(char const* name) {
    UniqueFd file(memfd_create(name, MFD_CLOEXEC));
    if (!file.is_open()) return Error::from_errno("make the memory file '{}'", name);
    return file;
}

Result<Pipe> make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return Error::from_errno("make a pipe");
    return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<UniqueFd> open_null() {
    UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null.is_open()) return Error::from_errno("open /dev/null");
    return null;
}

void fill_standard_streams() {
    for (int number = 0; number <= 2; ++number)
        if (fcntl(number, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return; // without /dev/null there is nothing to fill them with
}

} // namespace bolt
