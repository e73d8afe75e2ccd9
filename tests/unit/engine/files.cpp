// What the engine reads and writes: records, names, images' files, logs. On real directories of the test's own.
#include "catch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "scratch.h"
#include "engine/container_name.h"
#include "engine/image_tree.h"
#include "engine/log_file.h"
#include "engine/record.h"
#include "engine/tree_copy.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "sys/random.h"

using namespace bolt;
using namespace bolt::engine;

namespace {

RootPath inside(std::string_view text) { return RootPath::parse(text).value(); }

} // namespace

TEST_CASE("an image's files are looked up as overlayfs would", "[engine][image]") {
    test::Scratch scratch;
    scratch.write("low/etc/passwd", "low passwd");
    scratch.write("low/etc/group", "low group");
    scratch.write("low/usr/share/text", "low text");
    scratch.write("low/gone/deep", "x");
    scratch.write("middle/etc/passwd", "middle passwd");
    scratch.write("top/usr/lib/new", "new");
    auto const top = scratch.path / "top";
    REQUIRE_OK(make_symlink("/usr/share", top / "link"));
    REQUIRE_OK(make_symlink("../../link/text", top / "usr/climbing"));
    REQUIRE_OK(make_symlink("loop", top / "loop"));
    auto const tree = ImageTree::open({top, scratch.path / "middle", scratch.path / "low"});
    REQUIRE_OK(tree);
    CHECK(tree.value().read_text(inside("etc/passwd")).value() == "middle passwd");
    CHECK(tree.value().read_text(inside("etc/group")).value() == "low group");
    CHECK(tree.value().read_text(inside("link/text")).value() == "low text");
    CHECK(tree.value().read_text(inside("usr/climbing")).value() == "low text");
    CHECK(tree.value().read_text(inside("etc/shadow")).value().empty());
    CHECK(tree.value().read_text(inside("etc/passwd/x")).value().empty());
    CHECK(tree.value().find(inside("loop")).error().is(ELOOP));
    auto const usr = tree.value().find(inside("usr"));
    REQUIRE_OK(usr);
    CHECK(ImageTree::list(*usr.value()).value() == std::vector<std::string>{"climbing", "lib", "share"});
}

TEST_CASE("whiteouts and opaque directories hide what is below", "[engine][image]") {
    test::Scratch scratch;
    scratch.write("low/etc/passwd", "low");
    scratch.write("low/var/a", "a");
    scratch.write("top/var/b", "b");
    REQUIRE_OK(make_directories(scratch.path / "top/etc", 0755));
    if (mknod((scratch.path / "top/etc/passwd").c_str(), S_IFCHR, makedev(0, 0)) < 0 ||
        setxattr((scratch.path / "top/var").c_str(), "user.overlay.opaque", "y", 1, 0) < 0) {
        WARN("skipped: this file system makes no whiteouts here: " << std::strerror(errno));
        return;
    }
    auto const tree = ImageTree::open({scratch.path / "top", scratch.path / "low"});
    REQUIRE_OK(tree);
    CHECK_FALSE(tree.value().find(inside("etc/passwd")).value().has_value());
    CHECK_FALSE(tree.value().find(inside("var/a")).value().has_value());
    CHECK(tree.value().read_text(inside("var/b")).value() == "b");
    CHECK(ImageTree::list(*tree.value().find(inside("etc")).value()).value().empty());
}

TEST_CASE("a volume's first content is copied with its attributes", "[engine][image]") {
    test::Scratch scratch;
    scratch.write("low/data/sub/file", "content");
    REQUIRE(chmod((scratch.path / "low/data/sub").c_str(), 01770) == 0);
    REQUIRE(chmod((scratch.path / "low/data/sub/file").c_str(), 0640) == 0);
    REQUIRE_OK(make_symlink("sub/file", scratch.path / "low/data/link"));
    REQUIRE(mkfifo((scratch.path / "low/data/pipe").c_str(), 0600) == 0);
    REQUIRE(link((scratch.path / "low/data/sub/file").c_str(), (scratch.path / "low/data/zwin").c_str()) == 0);
    REQUIRE_OK(make_directory(scratch.path / "copy", 0700));
    auto const tree = ImageTree::open({scratch.path / "low"});
    REQUIRE_OK(tree);
    auto const source = tree.value().find(inside("data"));
    REQUIRE_OK(source);
    auto const target = open_file(scratch.path / "copy", O_RDONLY | O_DIRECTORY);
    REQUIRE_OK(target);
    REQUIRE_OK(copy_tree(*source.value(), target.value()));
    CHECK(read_file(scratch.path / "copy/sub/file").value() == "content");
    CHECK((stat_file(scratch.path / "copy/sub/file").value().st_mode & 07777) == 0640);
    CHECK((stat_file(scratch.path / "copy/sub").value().st_mode & 07777) == 01770);
    CHECK(read_symlink(scratch.path / "copy/link").value() == "sub/file");
    CHECK(stat_file(scratch.path / "copy/zwin").value().st_ino == stat_file(scratch.path / "copy/sub/file").value().st_ino);
    CHECK(S_ISFIFO(stat_file(scratch.path / "copy/pipe").value().st_mode));
    CHECK(stat_file(scratch.path / "copy/sub/file").value().st_mtim.tv_nsec == stat_file(scratch.path / "low/data/sub/file").value().st_mtim.tv_nsec);
}

TEST_CASE("a copy of a file whose owner is not in the map is refused", "[engine][image]") {
    test::Scratch scratch;
    scratch.write("low/data/file", "content");
    REQUIRE_OK(make_directory(scratch.path / "copy", 0700));
    auto const tree = ImageTree::open({scratch.path / "low"});
    REQUIRE_OK(tree);
    auto const target = open_file(scratch.path / "copy", O_RDONLY | O_DIRECTORY);
    REQUIRE_OK(target);
    std::vector<IdRange> const others{{geteuid() + 1, 0, 10}};
    auto const done = copy_tree(tree.value().top(), target.value(), {others, others});
    REQUIRE_FALSE(done.ok());
    CHECK(done.error().is(EOVERFLOW));
    CHECK(done.error().text().find("for which the container has no id") != std::string::npos);
}

namespace {
struct SomeStore {
    test::Scratch scratch;
    store::Layout layout{.data = scratch.path, .runtime = scratch.path / "run"};
    SomeStore() { REQUIRE_OK(layout.prepare()); }
    ContainerId add(bool with_record) const {
        auto const id = random_container_id().value();
        REQUIRE_OK(make_directories(layout.containers() / id.text(), 0700));
        if (with_record) REQUIRE_OK(write_file(layout.containers() / id.text() / "config.json", "{}", 0600, Durability::none));
        return id;
    }
};
} // namespace

TEST_CASE("a name belongs to one container", "[engine][names]") {
    SomeStore const store;
    auto const first = store.add(true), second = store.add(true);
    REQUIRE_OK(take_name(store.layout, "web", first));
    auto const refused = take_name(store.layout, "web", second);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().is(EEXIST));
    CHECK(refused.error().text() ==
          fmt::format("the name 'web' is used by container {}; remove it (bolt rm web) or choose another name", first.brief()));
    REQUIRE_OK(release_name(store.layout, "web", second.text())); // not its own: nothing happens
    CHECK_FALSE(take_name(store.layout, "web", second).ok());
    REQUIRE_OK(release_name(store.layout, "web", first.text()));
    REQUIRE_OK(take_name(store.layout, "web", second));
}

TEST_CASE("a name that a killed create left is taken over, one that is being made is not", "[engine][names]") {
    SomeStore const store;
    auto const dead = store.add(false), unfinished = store.add(false), next = store.add(true);
    REQUIRE_OK(take_name(store.layout, "a", dead));
    REQUIRE_OK(take_name(store.layout, "b", unfinished));
    REQUIRE_OK(take_name(store.layout, "c", random_container_id().value())); // its directory is gone
    auto const lock = FileLock::find(store.layout.containers() / unfinished.text() / "lock", LockMode::exclusive);
    REQUIRE_OK(lock);
    REQUIRE_OK(take_name(store.layout, "a", next));
    CHECK_FALSE(exists(store.layout.containers() / dead.text()));
    CHECK(take_name(store.layout, "b", next).error().is(EEXIST));
    REQUIRE_OK(take_name(store.layout, "c", next));
}

TEST_CASE("records come back as they were written", "[engine]") {
    SomeStore const store;
    Record record;
    record.id = store.add(false).text();
    record.name = "web";
    record.image = "nginx";
    record.image_id = "sha256:abc";
    record.created = parse_rfc3339("2026-11-21T04:44:16.123456789Z").value();
    record.command = {"nginx", "-g"};
    record.labels = {{"a", "b"}};
    record.volumes = {"v", "w"};
    record.anonymous_volumes = {"w"};
    record.terminal = record.default_seccomp = true;
    record.request = Json::object().set("id", record.id).dump();
    REQUIRE_OK(write_record(store.layout, record));
    auto const again = find_record(store.layout, record.id);
    REQUIRE_OK(again);
    REQUIRE(again.value());
    CHECK(to_json(*again.value()) == to_json(record));
    CHECK_FALSE(find_record(store.layout, random_container_id().value().text()).value().has_value());
    REQUIRE_OK(write_file(store.layout.containers() / record.id / "config.json", "{\"id\":", 0600, Durability::none));
    CHECK(find_record(store.layout, record.id).error().is(EBADMSG));
}

TEST_CASE("log lines", "[engine][logs]") {
    auto const entry = parse_log_line("2026-11-21T05:06:07.123456789Z stderr P some text ");
    REQUIRE_OK(entry);
    CHECK(entry.value().is_error);
    CHECK(entry.value().is_partial);
    CHECK(entry.value().text == "some text ");
    CHECK(parse_log_line("2026-11-21T05:06:07Z stdout F ").value().text.empty());
    for (auto const text : {"", "x", "2026-11-21T05:06:07Z", "2026-11-21T05:06:07Z stdin F x", "2026-11-21T05:06:07Z stdout X x", "never stdout F x"})
        CHECK_FALSE(parse_log_line(text).ok());
}

TEST_CASE("the end of a log is found from behind", "[engine][logs]") {
    test::Scratch scratch;
    std::string text;
    for (int number = 0; number < 5000; ++number) text += fmt::format("2026-11-21T05:06:07Z stdout F line {} {}\n", number, std::string(static_cast<std::size_t>(number % 90), '.'));
    text += "2026-11-21T05:06:07Z stdout P one ";
    text += "\n2026-11-21T05:06:07Z stdout F line\n";
    scratch.write("log", text);
    auto const file = open_file(scratch.path / "log", O_RDONLY);
    REQUIRE_OK(file);
    auto const from = [&](std::uint64_t lines) {
        auto const start = find_tail(file.value(), lines);
        REQUIRE_OK(start);
        return text.substr(start.value().offset);
    };
    CHECK(from(0).empty());
    CHECK(from(1) == "2026-11-21T05:06:07Z stdout P one \n2026-11-21T05:06:07Z stdout F line\n");
    CHECK(from(2).find("line 4999 ") != std::string::npos);
    CHECK(std::ranges::count(from(3001), '\n') == 3002);
    CHECK(from(5001) == text);
    CHECK(find_tail(file.value(), 6000).value().missing == 999);
    CHECK(find_tail(file.value(), 6000).value().offset == 0);
}

TEST_CASE("a log is read by whole lines, however it was written", "[engine][logs]") {
    test::Scratch scratch;
    scratch.write("log", "one\ntw");
    auto const opened = [&] { return open_file(scratch.path / "log", O_RDONLY).value(); };
    LogReader reader(opened());
    std::vector<std::string> lines;
    auto const take = [&](std::string_view line) -> Result<void> {
        lines.emplace_back(line);
        return {};
    };
    REQUIRE_OK(reader.read_lines(take));
    CHECK(lines == std::vector<std::string>{"one"});
    auto const more = open_file(scratch.path / "log", O_WRONLY | O_APPEND);
    REQUIRE_OK(write_all(more.value(), "o\n\nfour\n"));
    REQUIRE_OK(reader.read_lines(take));
    CHECK(lines == std::vector<std::string>{"one", "two", "", "four"});
}
