#include "catch.h"

#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "sys/file.h"
#include "sys/root.h"

using namespace bolt;

namespace {
RootPath inside(std::string_view text) { return RootPath::parse(text).value(); }
} // namespace

TEST_CASE("links resolve inside the root, as in a chroot") {
    test::Scratch const scratch;
    auto const top = scratch.path / "root";
    REQUIRE_OK(make_directories(top / "run", 0755));
    REQUIRE_OK(make_directories(top / "var", 0755));
    REQUIRE_OK(write_file(scratch.path / "secret", "outside", 0644, Durability::none));
    REQUIRE_OK(write_file(top / "secret", "inside", 0644, Durability::none));
    REQUIRE_OK(make_symlink("/run", top / "var/run"));
    REQUIRE_OK(make_symlink("../../../../secret", top / "var/up"));
    REQUIRE_OK(make_symlink("/proc/self/root", top / "magic"));
    auto const root = Root::open(top).value();
    CHECK(root.read_file(inside("var/up")).value() == "inside");
    REQUIRE_OK(root.make_directories(inside("var/run/lock/deep"), 0755));
    CHECK(exists(top / "run/lock/deep"));
    REQUIRE_OK(root.make_file(inside("var/run/new"), 0644));
    CHECK(exists(top / "run/new"));
    CHECK(root.read_file(inside("magic/secret")).error().is(ENOENT));
}

TEST_CASE("only regular files are read") {
    test::Scratch const scratch;
    REQUIRE(mkfifo((scratch.path / "fifo").c_str(), 0600) == 0);
    auto const root = Root::open(scratch.path).value();
    CHECK(root.read_file(inside("fifo")).error().is(EINVAL));
    REQUIRE_OK(write_file(scratch.path / "big", std::string(100, 'x'), 0644, Durability::none));
    CHECK(root.read_file(inside("big"), 10).error().is(EFBIG));
}

TEST_CASE("a tree is removed with what nobody may enter, and links are not followed") {
    test::Scratch const scratch;
    REQUIRE_OK(make_directories(scratch.path / "tree/a/b", 0755));
    REQUIRE_OK(make_directories(scratch.path / "kept", 0755));
    REQUIRE_OK(write_file(scratch.path / "kept/file", "", 0644, Durability::none));
    REQUIRE_OK(make_symlink((scratch.path / "kept").text(), scratch.path / "tree/a/link"));
    REQUIRE(chmod((scratch.path / "tree/a").c_str(), 0000) == 0);
    REQUIRE_OK(remove_tree(scratch.path / "tree"));
    CHECK_FALSE(exists(scratch.path / "tree"));
    CHECK(exists(scratch.path / "kept/file"));
    REQUIRE_OK(remove_tree(scratch.path / "never-there"));
}

TEST_CASE("a file is replaced whole or not at all") {
    test::Scratch const scratch;
    REQUIRE_OK(write_file(scratch.path / "state", "one", 0600, Durability::synced));
    REQUIRE_OK(write_file(scratch.path / "state", "two", 0600, Durability::none));
    CHECK(read_file(scratch.path / "state").value() == "two");
    CHECK(list_directory(scratch.path).value().size() == 1);
    CHECK_FALSE(find_file(scratch.path / "absent").value());
    CHECK(write_file(scratch.path / "no/dir", "", 0600, Durability::none).error().is(ENOENT));
}

TEST_CASE("a tree deeper than a process may have descriptors is removed") {
    test::Scratch const scratch;
    auto here = open_file(scratch.path, O_RDONLY | O_DIRECTORY).value();
    for (int depth = 0; depth < 3000; ++depth) {
        REQUIRE(mkdirat(here.number(), "down", 0700) == 0);
        here = open_at(here, "down", O_RDONLY | O_DIRECTORY).value();
    }
    here.close();
    REQUIRE_OK(remove_tree(scratch.path / "down"));
    CHECK_FALSE(exists(scratch.path / "down"));
}

TEST_CASE("what a killed writer left is removed, what a living one writes is not") {
    test::Scratch const scratch;
    REQUIRE_OK(write_file(scratch.path / "whole", "whole", 0644, Durability::none));
    REQUIRE_OK(write_file(scratch.path / ".whole.dead", "ha", 0644, Durability::none));
    auto const living = open_file(scratch.path / ".whole.living", O_WRONLY | O_CREAT, 0644).value();
    REQUIRE(flock(living.number(), LOCK_EX) == 0);
    REQUIRE_OK(remove_dead_staging(scratch.path));
    CHECK(exists(scratch.path / "whole"));
    CHECK(exists(scratch.path / ".whole.living"));
    CHECK_FALSE(exists(scratch.path / ".whole.dead"));
}
