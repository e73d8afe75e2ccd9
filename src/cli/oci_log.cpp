// What bolt-oci says when something is wrong: engines read runc's log lines, people read standard error.
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/time.h"
#include "cli/oci_commands.h"
#include "cli/output.h"
#include "sys/file.h"

namespace bolt::cli::oci_command {

namespace {

std::string in_quotes(std::string_view text) { return Json(text).dump(); }

std::string line_of(std::string_view level, std::string_view text) {
    auto const now = format_rfc3339(std::chrono::time_point_cast<std::chrono::nanoseconds>(Clock::now()));
    if (globals().log_json) return Json::object().set("level", level).set("msg", text).set("time", now).dump() + "\n";
    return fmt::format("time={} level={} msg={}\n", in_quotes(now), level, in_quotes(text));
}

void write_error(std::string_view text) { (void)write_all(FdRef(2), text).ok(); } // nobody is left to tell, ignoring

// False when there is no log, or it cannot be written: then standard error is the only place.
bool write_log(std::string_view level, std::string_view text) { return globals().log.is_open() && write_all(globals().log, line_of(level, text)).ok(); }

} // namespace

Result<void> open_log(std::string const& path) {
    globals().log = TRY(open_file(TRY(HostPath::absolute(path)), O_WRONLY | O_APPEND | O_CREAT, 0644).while_doing("--log"));
    return {};
}

int complain(Error const& error, int exit_code) {
    bool const logged = write_log("error", error.text());
    write_error(!logged && globals().log_json ? line_of("error", error.text()) : fmt::format("bolt-oci: {}\n", error.text()));
    return exit_code;
}

void warn(std::string_view text) {
    if (globals().without_warnings) return;
    if (!write_log("warning", text)) write_error(fmt::format("bolt-oci: {}\n", text));
}

int show(std::string_view text) {
    auto const printed = print(text);
    return printed ? 0 : complain(printed.error());
}

int exit_code_of(Error const& error, int otherwise) { return error.is(ENOENT) ? 127 : error.is(EACCES) ? 126 : otherwise; }

} // namespace bolt::cli::oci_command
