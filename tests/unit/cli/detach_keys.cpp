#include "tests/catch.h"

#include "cli/attach_client.h"

using namespace bolt;
using namespace bolt::cli;

TEST_CASE("detach keys are read as docker writes them") {
    CHECK(parse_detach_keys("ctrl-p,ctrl-q").value() == default_detach_keys);
    CHECK(parse_detach_keys("a,ctrl-@,ctrl-[").value() == std::string("a\0\x1b", 3));
    CHECK(parse_detach_keys("").value().empty());
    CHECK(!parse_detach_keys("ctrl-1").ok());
    CHECK(!parse_detach_keys("escape").ok());
}

TEST_CASE("what is typed passes until the keys are complete") {
    DetachKeys keys("\x10\x11");
    CHECK(keys.pass("ls\r") == "ls\r");
    CHECK(keys.pass("\x10") == "");
    CHECK(keys.pass("x") == "\x10x");
    CHECK(keys.pass("\x10\x10") == "\x10");
    CHECK(keys.pass("y") == "\x10y");
    CHECK(keys.pass("\x10") == "");
    CHECK(!keys.pass("\x11"));
}

TEST_CASE("both keys in one read, after other input") {
    DetachKeys keys("\x10\x11");
    CHECK(!keys.pass("abc\x10\x11"));
}

TEST_CASE("one key is enough, none never detaches") {
    DetachKeys one("q"), none("");
    CHECK(one.pass("abc") == "abc");
    CHECK(!one.pass("q"));
    CHECK(none.pass("\x10\x11") == "\x10\x11");
}
