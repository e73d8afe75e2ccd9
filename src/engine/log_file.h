// One log file in the CRI text format: "2026-11-21T05:06:07.123456789Z stdout F text". The monitor writes it and rotates:
// FILE is the youngest, then FILE.1, FILE.2 …
// https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/containers.h"
#include "sys/fd.h"

namespace bolt::engine {

// EINVAL when it is no such line; the last line of a killed monitor may be half.
Result<LogEntry> parse_log_line(std::string_view line);

// Reads whole lines forwards from an offset; what is not ended by a newline yet is left for later.
class LogReader {
public:
    explicit LogReader(UniqueFd file, std::uint64_t offset = 0) : file_(std::move(file)), offset_(offset) {}

    // Hands over every line that is complete now.
    Result<void> read_lines(std::function<Result<void>(std::string_view line)> const& take);
    FdRef file() const { return file_; }

private:
    UniqueFd file_;
    std::uint64_t offset_;
    std::string rest_;
};

// Where the last `lines` lines of a file begin, read from its end; `missing` is how many fewer it has. A line that was
// written in parts counts once, by its last part.
struct TailStart {
    std::uint64_t offset = 0, missing = 0;
};
Result<TailStart> find_tail(FdRef file, std::uint64_t lines);

} // namespace bolt::engine
