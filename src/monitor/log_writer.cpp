#include "monitor/log_writer.h"

#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

#include "sys/file.h"

namespace bolt::monitor {

std::string format_log_entries(std::string_view bytes, Stream stream, Time time) {
    auto const head = fmt::format("{} {} ", format_rfc3339(time), stream == Stream::output ? "stdout" : "stderr");
    std::string entries;
    while (!bytes.empty()) {
        auto const end = bytes.find('\n');
        entries += head;
        entries += end == bytes.npos ? "P " : "F ";
        entries += bytes.substr(0, end);
        entries += '\n';
        bytes.remove_prefix(end == bytes.npos ? bytes.size() : end + 1);
    }
    return entries;
}

namespace {
Result<UniqueFd> open_log(HostPath const& file) { return open_file(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0600).while_doing("open the log"); }
} // namespace

Result<LogWriter> LogWriter::open(HostPath file, LogLimits limits) {
    auto fd = TRY(open_log(file));
    auto const size = TRY(stat_fd(fd)).st_size;
    // Half a line, of a monitor that was killed, must not take the next one along.
    char last = '\n';
    if (size > 0 && pread(fd.number(), &last, 1, size - 1) == 1 && last != '\n') TRY(write_all(fd, "\n"));
    limits.files = std::max(limits.files, 1);
    return LogWriter(std::move(file), limits, std::move(fd), static_cast<std::uint64_t>(size));
}

Result<void> LogWriter::rotate() {
    auto const name_of = [&](int number) { return number == 0 ? std::string(file_.name()) : fmt::format("{}.{}", file_.name(), number); };
    auto const directory = file_.parent();
    for (int number = limits_.files - 1; number > 0; --number) {
        auto const moved = rename_file(directory / name_of(number - 1), directory / name_of(number));
        if (!moved && !moved.error().is(ENOENT)) return moved;
    }
    if (limits_.files == 1) TRY(remove_file(file_));
    fd_ = TRY(open_log(file_));
    size_ = 0;
    return {};
}

// How many of the bytes go into the current file: whole entries, and at least one into an empty file.
std::size_t LogWriter::fitting(std::string_view entries) const {
    if (limits_.largest_file.count == 0 || size_ + entries.size() <= limits_.largest_file.count) return entries.size();
    auto const room = limits_.largest_file.count - std::min(size_, limits_.largest_file.count);
    auto const last = room == 0 ? entries.npos : entries.rfind('\n', room - 1);
    if (last != entries.npos) return last + 1;
    return size_ > 0 ? 0 : entries.find('\n') + 1;
}

Result<void> LogWriter::append(std::string_view entries) {
    while (!entries.empty()) {
        auto piece = entries.substr(0, fitting(entries));
        // A log whose rotation fails goes on growing: better too large than lost.
        if (piece.empty() && !rotate()) piece = entries;
        auto const written = write_all(fd_, piece);
        if (!written) {
            // What was begun would run into the next entry.
            if (ftruncate(fd_.number(), static_cast<off_t>(size_)) < 0) return Error::from_errno("cut the log");
            return written;
        }
        size_ += piece.size();
        entries.remove_prefix(piece.size());
    }
    return {};
}

void LogWriter::write(std::string_view bytes, Stream stream, Time time) {
    auto entries = format_log_entries(bytes, stream, time);
    // One notice a gap: with the first output that fits again.
    if (lost_ > 0) entries = format_log_entries(fmt::format("bolt: {} bytes of output could not be written to this log\n", lost_), Stream::error_output, time) + entries;
    if (append(entries).ok()) lost_ = 0;
    else lost_ += bytes.size();
}

} // namespace bolt::monitor
