#define BOLT_TEST_MAIN
#include "../../catch.h"

#include <cstdlib>

#include <sys/stat.h>

#include "monitor/log_writer.h"
#include "sys/file.h"

using namespace bolt;
using namespace bolt::monitor;

namespace {
Time const moment = parse_rfc3339("2026-11-21T04:44:16.123456789Z").value();

struct Scratch {
    HostPath path;
    Scratch() {
        char name[] = "/tmp/bolt-log-XXXXXX";
        path = HostPath::parse(mkdtemp(name)).value();
    }
    ~Scratch() { (void)remove_tree(path).ok(); }
};
} // namespace

TEST_CASE("log entries are in the CRI text format") {
    CHECK(format_log_entries("one\n", Stream::output, moment) == "2026-11-21T04:44:16.123456789Z stdout F one\n");
    CHECK(format_log_entries("a\n\nb", Stream::error_output, moment) == "2026-11-21T04:44:16.123456789Z stderr F a\n"
                                                                       "2026-11-21T04:44:16.123456789Z stderr F \n"
                                                                       "2026-11-21T04:44:16.123456789Z stderr P b\n");
    CHECK(format_log_entries("", Stream::output, moment).empty());
    CHECK(format_log_entries("cr\r\n", Stream::output, moment) == "2026-11-21T04:44:16.123456789Z stdout F cr\r\n");
}

TEST_CASE("an unfinished line is written at once, its rest with the same stream") {
    Scratch const scratch;
    auto log = LogWriter::open(scratch.path / "log", {}).value();
    log.write("user: ", Stream::output, moment);
    CHECK(read_file(scratch.path / "log").value() == "2026-11-21T04:44:16.123456789Z stdout P user: \n");
    log.write("root\n", Stream::output, moment);
    CHECK(read_file(scratch.path / "log").value().ends_with("Z stdout F root\n"));
    CHECK((stat_file(scratch.path / "log").value().st_mode & 0777) == 0600);
}

TEST_CASE("a log is continued by the next monitor") {
    Scratch const scratch;
    LogWriter::open(scratch.path / "log", {}).value().write("1\n", Stream::output, moment);
    LogWriter::open(scratch.path / "log", {}).value().write("2\n", Stream::output, moment);
    auto const text = read_file(scratch.path / "log").value();
    CHECK(text.find(" F 1\n") != text.npos);
    CHECK(text.find(" F 2\n") != text.npos);
}

TEST_CASE("rotation keeps so many files, none of them larger than the limit, and loses no entry of those") {
    Scratch const scratch;
    auto log = LogWriter::open(scratch.path / "log", {.largest_file = Bytes{100}, .files = 3}).value();
    for (int i = 0; i < 10; ++i) log.write(fmt::format("{}\n", i), Stream::output, moment); // 41 bytes an entry, two a file
    auto names = list_directory(scratch.path).value();
    std::sort(names.begin(), names.end());
    CHECK(names == std::vector<std::string>{"log", "log.1", "log.2"});
    std::string all;
    for (auto const* name : {"log.2", "log.1", "log"}) {
        auto const text = read_file(scratch.path / name).value();
        CHECK(text.size() <= 100);
        for (auto const line : split(text, '\n'))
            if (!line.empty()) all += line.back();
    }
    CHECK(all == "456789");
}

TEST_CASE("with one file, rotation begins it anew") {
    Scratch const scratch;
    auto log = LogWriter::open(scratch.path / "log", {.largest_file = Bytes{100}, .files = 1}).value();
    for (int i = 0; i < 5; ++i) log.write(fmt::format("{}\n", i), Stream::output, moment);
    CHECK(list_directory(scratch.path).value().size() == 1);
    CHECK(read_file(scratch.path / "log").value().ends_with(" F 4\n"));
}

TEST_CASE("a single entry larger than the limit is still written") {
    Scratch const scratch;
    auto log = LogWriter::open(scratch.path / "log", {.largest_file = Bytes{10}, .files = 2}).value();
    log.write(std::string(5000, 'x') + "\n", Stream::output, moment);
    CHECK(read_file(scratch.path / "log").value().size() > 5000);
}

TEST_CASE("a log in a directory that is not there is an error that names it") {
    auto const log = LogWriter::open(HostPath::parse("/nonexistent/log").value(), {});
    REQUIRE_FALSE(log.ok());
    CHECK(log.error().text() == "open the log: open '/nonexistent/log': No such file or directory");
}
