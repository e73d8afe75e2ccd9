// Reading a container's log: old files first, then the one that is written, then what is still to come.
#include <fcntl.h>

#include "engine/containers.h"

#include <algorithm>
#include "engine/log_file.h"
#include "engine/monitor_calls.h"
#include "sys/file.h"

namespace bolt::engine {

namespace {

using Take = std::function<Result<void>(LogEntry const&)>;

struct OpenLog {
    UniqueFd file;
    std::uint64_t offset = 0;
};

// Oldest first. A rotation meanwhile may show a file twice; then the second sight of it is left out.
Result<std::vector<OpenLog>> open_logs(HostPath const& youngest) {
    std::vector<OpenLog> logs;
    std::vector<ino_t> seen;
    for (int age = 0;; ++age) {
        auto const path = age == 0 ? youngest : TRY(HostPath::parse(fmt::format("{}.{}", youngest, age)));
        auto file = open_file(path, O_RDONLY);
        if (!file && file.error().is(ENOENT) && age == 0) continue; // in the middle of a rotation
        if (!file && file.error().is(ENOENT)) break;
        if (!file) return std::move(file).error();
        auto const inode = TRY(stat_fd(file.value())).st_ino;
        if (std::ranges::find(seen, inode) != seen.end()) continue;
        seen.push_back(inode);
        logs.insert(logs.begin(), OpenLog{std::move(file).value()});
    }
    return logs;
}

// Skips what is before the last `lines` lines of all files together.
Result<void> skip_to_tail(std::vector<OpenLog>& logs, std::uint64_t lines) {
    for (auto log = logs.rbegin(); log != logs.rend(); ++log) {
        auto const start = TRY(find_tail(log->file, lines));
        log->offset = start.offset;
        lines = start.missing;
    }
    return {};
}

class Sender {
public:
    Sender(LogOptions const& options, Take const& take) : options_(options), take_(take) {}

    Result<void> send(std::string_view line) {
        auto const entry = parse_log_line(line);
        if (!entry) return {}; // half a line, left by a monitor that was killed; the rest of the log is good
        if (options_.since && entry.value().time < *options_.since) return {};
        if (options_.until && entry.value().time > *options_.until) {
            is_past_ = true;
            return {};
        }
        return take_(entry.value());
    }
    bool is_past() const { return is_past_; }

private:
    LogOptions const& options_;
    Take const& take_;
    bool is_past_ = false; // behind `until`: nothing more will be wanted
};

bool still_runs(HostPath const& run_directory) {
    auto const state = monitor::find_state(run_directory);
    if (!state || !state.value()) return false;
    auto const status = state.value()->status;
    return status == monitor::Status::running || status == monitor::Status::restarting || status == monitor::Status::paused;
}

// The file under its name is another than the one that is read: it was rotated.
Result<bool> was_rotated(HostPath const& path, FdRef file) {
    auto const named = stat_file(path);
    if (!named) return named.error().is(ENOENT) ? Result<bool>(false) : named.error();
    return named.value().st_ino != TRY(stat_fd(file)).st_ino;
}

Result<void> follow(HostPath const& path, HostPath const& run_directory, LogReader reader, Sender& sender) {
    auto const send = [&](std::string_view line) { return sender.send(line); };
    Backoff backoff;
    for (;;) {
        // Asked before reading: what was written before the end is then read for certain.
        bool const goes_on = still_runs(run_directory);
        bool const rotated = TRY(was_rotated(path, reader.file()));
        TRY(reader.read_lines(send));
        if (sender.is_past()) return {};
        if (rotated) {
            reader = LogReader(TRY(open_file(path, O_RDONLY)));
            continue;
        }
        if (!goes_on) return {};
        backoff.wait();
    }
}

} // namespace

Result<void> read_logs(Installation const& here, Container const& container, LogOptions const& options, Take const& take) {
    auto const path = here.layout.containers() / container.record.id / "log";
    auto const run_directory = run_directory_of(here, container);
    auto logs = TRY(open_logs(path).while_doing("read the log of {}", title_of(container)));
    if (options.tail) TRY(skip_to_tail(logs, *options.tail).while_doing("read the log of {}", title_of(container)));
    Sender sender(options, take);
    for (std::size_t at = 0; at < logs.size(); ++at) {
        LogReader reader(std::move(logs[at].file), logs[at].offset);
        if (at + 1 == logs.size() && options.follow) return follow(path, run_directory, std::move(reader), sender);
        TRY(reader.read_lines([&](std::string_view line) { return sender.send(line); }));
    }
    if (!options.follow || !logs.empty()) return {};
    // Nothing was written yet: the monitor makes the file when it begins.
    Backoff backoff;
    while (!exists(path)) {
        if (!still_runs(run_directory)) return {};
        backoff.wait();
    }
    return follow(path, run_directory, LogReader(TRY(open_file(path, O_RDONLY))), sender);
}

} // namespace bolt::engine
