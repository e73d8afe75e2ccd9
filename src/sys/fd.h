// File descriptors: one that owns, one that borrows. Every descriptor is close-on-exec from birth.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bolt {

class UniqueFd;

// Borrows a descriptor that somebody else keeps open. 0 is a descriptor; there is no bool.
class FdRef {
public:
    constexpr explicit FdRef(int fd) : fd_(fd) {}
    FdRef(UniqueFd const& owner);                      // NOLINT(google-explicit-constructor): borrowing is the point
    FdRef(UniqueFd&&) = delete;                        // would dangle
    static FdRef working_directory();                  // AT_FDCWD
    int number() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }

private:
    int fd_;
};

// Owns a descriptor and closes it.
class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other) {
            close();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~UniqueFd() { close(); }

    int number() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }
    void close();

private:
    int fd_ = -1;
};

// dup with close-on-exec.
Result<UniqueFd> duplicate(FdRef fd);
// Makes `fd` appear as descriptor `number`, which is inherited over exec: how a child's standard streams are laid out.
Result<void> duplicate_onto(FdRef fd, int number);
// Sets or clears close-on-exec.
enum class OnExec { close, inherit };
Result<void> set_on_exec(FdRef fd, OnExec what);
Result<void> set_nonblocking(FdRef fd);
// close_range(2) on everything from `first` up, or only marks it close-on-exec. Linux < 5.9: walks /proc/self/fd.
enum class RangeAction { close, mark_close_on_exec };
Result<void> close_from(int first, RangeAction action);
// Closes everything but the standard streams and these; not open ones are passed over.
Result<void> close_others(std::vector<FdRef> kept);

// read(2) once, again after EINTR; 0 at the end. EAGAIN is returned as an error with that code.
Result<std::size_t> read_some(FdRef fd, std::span<char> buffer);
// Until the end, at most `limit` bytes (EFBIG beyond).
Result<std::string> read_to_end(FdRef fd, std::size_t limit = 64u << 20);
// write(2) until all is written. Only for descriptors that block.
Result<void> write_all(FdRef fd, std::string_view bytes);

struct Pipe {
    UniqueFd read_end, write_end;
};
Result<Pipe> make_pipe();
// A standard stream that the caller closed would be the number of the next file that is opened, and be written to: /dev/null
// takes its place. First thing in main.
void fill_standard_streams();
Result<UniqueFd> open_null();
// memfd_create(2): a file without a place, for what a child reads. The name is for /proc only.
Result<UniqueFd> make_memory_file(char const* name);

} // namespace bolt
