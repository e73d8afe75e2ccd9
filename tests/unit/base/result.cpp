#include "catch.h"

using bolt::Error;
using bolt::Result;

namespace {
Result<int> half(int number) {
    if (number % 2 != 0) return Error::of(EINVAL, "{} is odd", number);
    return number / 2;
}
Result<int> quarter(int number) { return TRY(half(TRY(half(number).while_doing("halve {}", number))).while_doing("halve again")); }
} // namespace

TEST_CASE("an error reads from the outside in") {
    CHECK(quarter(8).value() == 2);
    CHECK(quarter(6).error().text() == "halve again: 3 is odd");
    CHECK(quarter(5).error().text() == "halve 5: 5 is odd");
    CHECK(quarter(5).error().is(EINVAL));
}

TEST_CASE("an error captures errno before it formats") {
    errno = ENOENT;
    CHECK(Error::from_errno("open '{}'", "x").text() == "open 'x': No such file or directory");
}

TEST_CASE("values that cannot be copied pass through TRY") {
    auto const make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
    auto const pass = [&]() -> Result<std::unique_ptr<int>> { return TRY(make().while_doing("make")); };
    CHECK(*pass().value() == 7);
}

TEST_CASE("several failures of a teardown are told together") {
    bolt::ErrorList errors;
    errors.push_back(Error::of(EBUSY, "unmount /a"));
    errors.push_back(Error::of(ENOENT, "remove /b"));
    CHECK(bolt::join_texts(errors) == "unmount /a; remove /b");
}
