#include "../../catch.h"

#include <csignal>
#include <cstdlib>

#include <sys/resource.h>
#include <sys/stat.h>

#include "monitor/log_writer.h"
#include "scratch.h"
#include "sys/file.h"

using namespace bolt;
using namespace bolt::monitor;

namespace {
Time const moment = parse_rfc3339("2026-11-21T04:44:16.123456789Z").value();

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
    test::Scratch const scratch;
    auto log = LogWriter::open(scratch.path / "log", {}).value();
    log.write("user: ", Stream::output, moment);
    CHECK(read_file(scratch.path / "log").value() == "2026-11-21T04:44:16.123456789Z stdout P user: \n");
    log.write("root\n", Stream::output, moment);
    CHECK(read_file(scratch.path / "log").value().ends_with("Z stdout F root\n"));
    CHECK((stat_file(scratch.path / "log").value().st_mode & 0777) == 0600);
}

TEST_CASE("a log is continued by the next monitor") {
    test::Scratch const scratch;
    LogWriter::open(scratch.path / "log", {}).value().write("1\n", Stream::output, moment);
    LogWriter::open(scratch.path / "log", {}).value().write("2\n", Stream::output, moment);
    auto const text = read_file(scratch.path / "log").value();
    CHECK(text.find(" F 1\n") != text.npos);
    CHECK(text.find(" F 2\n") != text.npos);
}

TEST_CASE("rotation keeps so many files, none of them larger than the limit, and loses no entry of those") {
    test::Scratch const scratch;
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
    test::Scratch const scratch;
    auto log = LogWriter::open(scratch.path / "log", {.largest_file = Bytes{100}, .files = 1}).value();
    for (int i = 0; i < 5; ++i) log.write(fmt::format("{}\n", i), Stream::output, moment);
    CHECK(list_directory(scratch.path).value().size() == 1);
    CHECK(read_file(scratch.path / "log").value().ends_with(" F 4\n"));
}

TEST_CASE("a single entry larger than the limit is still written") {
    test::Scratch const scratch;
    auto log = LogWriter::open(scratch.path / "log", {.largest_file = Bytes{10}, .files = 2}).value();
    log.write(std::string(5000, 'x') + "\n", Stream::output, moment);
    CHECK(read_file(scratch.path / "log").value().size() > 5000);
}

TEST_CASE("a log in a directory that is not there is an error that names it") {
    auto const log = LogWriter::open(HostPath::parse("/nonexistent/log").value(), {});
    REQUIRE_FALSE(log.ok());
    CHECK(log.error().text() == "open the log: open '/nonexistent/log': No such file or directory");
}

TEST_CASE("output that could not be written is counted, and said when writing works again") {
    test::Scratch const scratch;
    auto log = LogWriter::open(scratch.path / "log", {}).value();
    log.write("before\n", Stream::output, moment);
    auto const before = read_file(scratch.path / "log").value();
    rlimit old{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
    auto const handler = signal(SIGXFSZ, SIG_IGN); // a file that may not grow further stands for a full disk
    rlimit const small{before.size() + 20, old.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
    log.write("lost\n", Stream::output, moment);
    log.write("lost too\n", Stream::output, moment);
    auto const meanwhile = read_file(scratch.path / "log").value();
    REQUIRE(setrlimit(RLIMIT_FSIZE, &old) == 0);
    signal(SIGXFSZ, handler);
    CHECK(meanwhile == before); // nothing half-written
    log.write("after\n", Stream::output, moment);
    CHECK(read_file(scratch.path / "log").value() == before + "2026-11-21T04:44:16.123456789Z stderr F bolt: 14 bytes of output could not be written to this log\n"
                                                              "2026-11-21T04:44:16.123456789Z stdout F after\n");
}

TEST_CASE("one large piece of output is spread over the files") {
    test::Scratch const scratch;
    auto log = LogWriter::open(scratch.path / "log", {.largest_file = Bytes{1000}, .files = 3}).value();
    std::string lines;
    for (int i = 0; i < 100; ++i) lines += "0123456789\n";
    log.write(lines, Stream::output, moment);
    for (auto const* name : {"log", "log.1", "log.2"}) {
        auto const text = read_file(scratch.path / name).value();
        CHECK(text.size() <= 1000);
        CHECK(text.ends_with(" F 0123456789\n"));
    }
}
