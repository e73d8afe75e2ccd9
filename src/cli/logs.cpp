// bolt logs.
#include "cli/commands.h"
#include "cli/moments.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "engine/containers.h"
#include "sys/fd.h"

namespace bolt::cli {

namespace {

using LogsOptions = engine::LogOptions;

Result<void> set_tail(LogsOptions& options, std::string_view text) {
    options.tail.reset();
    // Docker: "all", and what is no number or below zero, too.
    if (text == "all" || text.starts_with('-')) return {};
    options.tail = TRY(parse_unsigned(text));
    return {};
}

// Lines of both streams in order, written in large pieces unless somebody is watching them come.
class LogPrinter {
public:
    explicit LogPrinter(LogsOptions const& options) : options_(options) {}

    Result<void> take(engine::LogEntry const& entry) {
        if (entry.is_error != is_error_) TRY(flush());
        is_error_ = entry.is_error;
        bool& continues = entry.is_error ? error_continues_ : output_continues_;
        if (options_.timestamps && !continues) text_ += format_rfc3339(entry.time) + ' ';
        text_ += entry.text;
        if (!entry.is_partial) text_ += '\n';
        continues = entry.is_partial;
        return options_.follow || text_.size() > 32 * 1024 ? flush() : Result<void>();
    }
    Result<void> flush() {
        auto const text = std::exchange(text_, {});
        if (!is_error_) return print(text);
        return write_all(FdRef(2), text).while_doing("standard error");
    }

private:
    LogsOptions const& options_;
    std::string text_;
    bool is_error_ = false, output_continues_ = false, error_continues_ = false;
};

Result<int> logs(LogsOptions& options, Words const& words) {
    auto const here = TRY(engine::open_installation());
    auto const container = TRY(engine::find_container(here, words[0]));
    LogPrinter printer(options);
    auto const read = engine::read_logs(here, container, options, [&](engine::LogEntry const& entry) { return printer.take(entry); });
    TRY(printer.flush());
    if (!read) return read.error();
    return 0;
}

Result<Time> parse_past(std::string_view text) { return parse_moment(text, std::chrono::time_point_cast<Time::duration>(Clock::now())); }

using set_logs = Set<LogsOptions>;
constexpr Option logs_table[] = {
    {"follow", 'f', "", "Follow log output", set_logs::flag<&LogsOptions::follow>},
    {"since", 0, "string", "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)", set_logs::parsed<&LogsOptions::since, parse_past>},
    {"tail", 'n', "string", "Number of lines to show from the end of the logs (default \"all\")", set_logs::by<set_tail>},
    {"timestamps", 't', "", "Show timestamps", set_logs::flag<&LogsOptions::timestamps>},
    {"until", 0, "string", "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)", set_logs::parsed<&LogsOptions::until, parse_past>},
};

} // namespace

constexpr Command logs_command{.name = "logs", .arguments = "CONTAINER", .summary = "Fetch the logs of a container", .options = logs_table, .least = 1, .most = 1,
                               .names = Names::containers, .perform = perform<LogsOptions, logs>};

} // namespace bolt::cli
