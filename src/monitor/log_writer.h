// A container's log in the CRI text format, as Kubernetes, crictl and podman read it:
//
//   2026-11-21T04:44:16.123456789Z stdout F a whole line
//   2026-11-21T04:44:16.123456789Z stderr P the beginning of a line whose rest follows in the next entry of its stream
//
// What arrives is written at once, an unfinished line as P: nothing is held back that a killed monitor would lose, and a
// prompt without a newline shows up in `logs -f`. The exact bytes of a stream are its texts joined, with a newline after each F.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt::monitor {

enum class Stream { output, error_output };

// The entries of one piece of output. Pure.
std::string format_log_entries(std::string_view bytes, Stream stream, Time time);

struct LogLimits {
    Bytes largest_file; // a file that would grow beyond is rotated: FILE to FILE.1, FILE.1 to FILE.2 …; 0: no limit
    int files = 1;      // kept, the current one included; at least 1
};

class LogWriter {
public:
    // Made with mode 0600 or continued. Never synced.
    static Result<LogWriter> open(HostPath file, LogLimits limits);

    // A log that cannot be written (a full disk) must not stop the container: what is lost is counted, and said in an entry of
    // stderr as soon as writing works again.
    void write(std::string_view bytes, Stream stream, Time time);

private:
    LogWriter(HostPath file, LogLimits limits, UniqueFd fd, std::uint64_t size) : file_(std::move(file)), limits_(limits), fd_(std::move(fd)), size_(size) {}
    Result<void> rotate();
    std::size_t fitting(std::string_view entries) const;
    Result<void> append(std::string_view entries);

    HostPath file_;
    LogLimits limits_;
    UniqueFd fd_;
    std::uint64_t size_;
    std::uint64_t lost_ = 0; // bytes of output
};

} // namespace bolt::monitor
