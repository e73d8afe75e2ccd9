#include "catch.h"

#include "base/time.h"

using namespace bolt;

TEST_CASE("times are written and read as RFC 3339") {
    auto const text = "2026-11-21T04:44:16.123456789Z";
    CHECK(format_rfc3339(parse_rfc3339(text).value()) == text);
    CHECK(parse_rfc3339("2026-11-21T05:44:16.5+01:00").value() == parse_rfc3339("2026-11-21T04:44:16.500000000Z").value());
    CHECK(format_rfc3339(Time(std::chrono::nanoseconds(-1))) == "1969-12-31T23:59:59.999999999Z");
    for (auto const* const far : {"0001-01-01T00:00:00Z", "1677-12-31T23:59:59Z", "9999-12-31T23:59:59Z"}) CHECK(parse_rfc3339(far).error().is(ERANGE));
    CHECK(parse_rfc3339("2261-12-31T23:59:59.999999999Z").value() > parse_rfc3339("1678-01-01T00:00:00Z").value());
    for (auto const* const bad : {"", "yesterday", "2026-13-01T00:00:00Z", "2026-11-21T04:44:16", "2026-11-21"}) CHECK_FALSE(parse_rfc3339(bad).ok());
}

TEST_CASE("ages are said as docker says them") {
    using namespace std::chrono;
    CHECK(format_age(milliseconds(10)) == "Less than a second");
    CHECK(format_age(seconds(1)) == "1 second");
    CHECK(format_age(seconds(70)) == "About a minute");
    CHECK(format_age(minutes(62)) == "About an hour");
    CHECK(format_age(hours(24 * 15)) == "2 weeks");
}
