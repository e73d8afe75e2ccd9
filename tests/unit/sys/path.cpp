#include "catch.h"

#include "sys/path.h"

using namespace bolt;

TEST_CASE("a host path is absolute and clean") {
    CHECK(HostPath::parse("//usr/./bin/").value().text() == "/usr/bin");
    CHECK(HostPath::parse("/").value().text() == "/");
    CHECK_FALSE(HostPath::parse("usr").ok());
    CHECK_FALSE(HostPath::parse(std::string_view("/a\0b", 4)).ok());
    CHECK((HostPath::parse("/a").value() / "b/c").parent().text() == "/a/b");
    CHECK(HostPath::parse("/a").value().parent().text() == "/");
    CHECK(HostPath::parse("/a/b").value().name() == "b");
}

TEST_CASE("a path inside a tree has no way out") {
    CHECK(RootPath::parse("/usr//./bin").value().text() == "usr/bin");
    CHECK(RootPath::parse("").value().is_top());
    CHECK_FALSE(RootPath::parse("a/../b").ok());
    CHECK(RootPath::parse_clamped("../../etc/../passwd").value().absolute_text() == "/passwd");
    CHECK_FALSE(RootPath().child("..").ok());
    CHECK_FALSE(RootPath().child("a/b").ok());
    CHECK_FALSE(RootPath().child("").ok());
}
