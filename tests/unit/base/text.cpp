#include "catch.h"

#include "base/ids.h"
#include "base/text.h"

using namespace bolt;

TEST_CASE("split keeps empty parts, and the empty text has none") {
    CHECK(split("a,,b", ',') == std::vector<std::string_view>{"a", "", "b"});
    CHECK(split("", ',').empty());
    CHECK(split("a,", ',').size() == 2);
}

TEST_CASE("cut takes the first separator") {
    CHECK(cut("A=b=c", '=').after == "b=c");
    CHECK_FALSE(cut("A", '=').found);
}

TEST_CASE("sizes are read as docker reads them") {
    CHECK(parse_bytes("512m").value().count == 512u << 20);
    CHECK(parse_bytes("1.5g").value().count == (3ull << 30) / 2);
    CHECK(parse_bytes("10KiB").value().count == 10240);
    CHECK(parse_bytes("7").value().count == 7);
    for (auto const* const bad : {"", "m", "5x", "-1m", "1mm", "1bb", "inf", "1 m"}) {
        INFO(bad);
        CHECK_FALSE(parse_bytes(bad).ok());
    }
    CHECK(parse_bytes("99999999999t").error().is(ERANGE));
}

TEST_CASE("sizes are printed as docker prints them") {
    CHECK(format_bytes({0}) == "0B");
    CHECK(format_bytes({7'800'000}) == "7.80MB");
    CHECK(format_bytes({133'400'000}) == "133MB");
    CHECK(format_bytes({999'600}) == "1.00MB");
}

TEST_CASE("durations") {
    CHECK(parse_duration("1m30s").value() == std::chrono::seconds(90));
    CHECK(parse_duration("1.5h").value() == std::chrono::minutes(90));
    CHECK(parse_duration("250ms").value() == std::chrono::milliseconds(250));
    for (auto const* const bad : {"", "10", "5 s", "s", "-1s", "1sx"}) CHECK_FALSE(parse_duration(bad).ok());
}

TEST_CASE("arguments are quoted for a shell only when they must be") {
    CHECK(shell_quote("a/b-c=d") == "a/b-c=d");
    CHECK(shell_quote("it's") == "'it'\\''s'");
    CHECK(shell_quote("") == "''");
}

TEST_CASE("names and ids") {
    REQUIRE_OK(check_object_name("web-1.a_b"));
    for (auto const* const bad : {"", "-a", "a/b", "a b", ".a"}) CHECK_FALSE(check_object_name(bad).ok());
    CHECK_FALSE(ContainerId::parse("abc").ok());
    CHECK(ContainerId::parse(std::string(64, 'a')).value().brief() == std::string(12, 'a'));
}

TEST_CASE("UTF-8 has one form of each character") {
    for (auto const* const text : {"", "plain", "gr\u00fc\u00df", "\u20ac", "\U0001f600", "\xf4\x8f\xbf\xbf"}) CHECK(is_utf8(text));
    // Not begun, cut off, overlong, a surrogate, beyond the last.
    for (auto const* const text : {"\x80", "a\xff", "\xc3", "\xe2\x82", "\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3("}) CHECK_FALSE(is_utf8(text));
}

TEST_CASE("a text for a terminal has no control characters") {
    CHECK(without_controls("a\tb\n\x1b[31mc\x7f") == "a\tb\n?[31mc?");
    CHECK(without_controls("\xc2\x9b" "31m \xc2\xa9 \xc3\x9b \xc2") == "?31m \xc2\xa9 \xc3\x9b \xc2");
}
