#include "engine/log_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "sys/file.h"

namespace bolt::engine {

Result<LogEntry> parse_log_line(std::string_view line) {
    auto const after_time = cut(line, ' ');
    auto const after_stream = cut(after_time.after, ' ');
    auto const after_tag = cut(after_stream.after, ' ');
    bool const is_error = after_stream.before == "stderr", is_partial = after_tag.before == "P";
    if ((!is_error && after_stream.before != "stdout") || (!is_partial && after_tag.before != "F"))
        return Error::of(EINVAL, "'{}' is not a line of a container's log", line.substr(0, 60));
    return LogEntry{TRY(parse_rfc3339(after_time.before)), is_error, is_partial, after_tag.after};
}

Result<void> LogReader::read_lines(std::function<Result<void>(std::string_view line)> const& take) {
    char buffer[64 * 1024];
    for (;;) {
        auto const count = pread(file_.number(), buffer, sizeof buffer, static_cast<off_t>(offset_));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return Error::from_errno("read the container's log");
        if (count == 0) return {};
        offset_ += static_cast<std::uint64_t>(count);
        std::string_view fresh(buffer, static_cast<std::size_t>(count));
        for (auto end = fresh.find('\n'); end != fresh.npos; end = fresh.find('\n')) {
            if (rest_.empty()) TRY(take(fresh.substr(0, end)));
            else {
                rest_ += fresh.substr(0, end);
                auto const line = std::exchange(rest_, {});
                TRY(take(line));
            }
            fresh.remove_prefix(end + 1);
        }
        rest_ += fresh;
    }
}

namespace {

// Walks a file's lines backwards, a block at a time.
class BackwardReader {
public:
    BackwardReader(FdRef file, std::uint64_t size) : file_(file), start_(size) {}

    // The line that ends before the last one given, with its offset; none at the beginning of the file.
    Result<std::optional<std::pair<std::uint64_t, std::string>>> previous() {
        using Line = std::pair<std::uint64_t, std::string>;
        for (;;) {
            if (held_.empty() && start_ == 0) return std::optional<Line>();
            auto const newline = held_.size() < 2 ? std::string::npos : held_.rfind('\n', held_.size() - 2);
            if (newline != std::string::npos || start_ == 0) {
                auto const begin = newline == std::string::npos ? 0 : newline + 1;
                auto line = Line{start_ + begin, held_.substr(begin)};
                held_.resize(begin);
                return std::optional(std::move(line));
            }
            TRY(read_block());
        }
    }

private:
    Result<void> read_block() {
        auto const length = std::min<std::uint64_t>(start_, 64 * 1024);
        std::string block(length, '\0');
        auto const count = pread(file_.number(), block.data(), length, static_cast<off_t>(start_ - length));
        if (count != static_cast<ssize_t>(length)) return Error::from_errno("read the container's log");
        start_ -= length;
        held_.insert(0, block);
        return {};
    }
    FdRef file_;
    std::uint64_t start_;
    std::string held_; // what was read and not given yet, from start_ on
};

} // namespace

Result<TailStart> find_tail(FdRef file, std::uint64_t lines) {
    auto const size = static_cast<std::uint64_t>(TRY(stat_fd(file)).st_size);
    if (lines == 0) return TailStart{size, 0};
    BackwardReader reader(file, size);
    std::uint64_t found = 0, offset = size;
    for (;;) {
        auto const line = TRY(reader.previous());
        if (!line) return TailStart{0, lines > found ? lines - found : 0};
        auto text = std::string_view(line->second);
        if (text.ends_with('\n')) text.remove_suffix(1);
        auto const entry = parse_log_line(text);
        // A part belongs to the line that follows it; behind the last part none may follow.
        if (!entry || !entry.value().is_partial || offset == size) {
            if (found == lines) return TailStart{offset, 0};
            ++found;
        }
        offset = line->first;
    }
}

} // namespace bolt::engine
