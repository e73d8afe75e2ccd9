#include "catch.h"

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
    CHECK(keys.pass("ls\r").passed == "ls\r");
    CHECK(keys.pass("\x10").passed == "");
    CHECK(keys.pass("x").passed == "\x10x");
    CHECK(keys.pass("\x10\x10").passed == "\x10");
    CHECK(keys.pass("y").passed == "\x10y");
    CHECK(!keys.pass("\x10").is_complete);
    auto const last = keys.pass("\x11");
    CHECK((last.is_complete && last.passed.empty()));
}

TEST_CASE("both keys in one read, after other input") {
    DetachKeys keys("\x10\x11");
    auto const typed = keys.pass("abc\x10\x11z");
    CHECK((typed.is_complete && typed.passed == "abc"));
}

TEST_CASE("one key is enough, none never detaches") {
    DetachKeys one("q"), none("");
    CHECK(one.pass("abc").passed == "abc");
    CHECK(one.pass("q").is_complete);
    CHECK(none.pass("\x10\x11").passed == "\x10\x11");
}
