#include "catch.h"

#include "base/json.h"

using bolt::Json;

TEST_CASE("a document survives reading and writing") {
    auto const text = R"({"a":[1,-2,3.5,true,null,"x\"y"],"b":{"c":{}}})";
    CHECK(Json::parse(text).value().dump() == text);
}

TEST_CASE("syntax errors name line and column") {
    auto const failure = Json::parse("{\n  \"a\": tru\n}").error();
    CHECK(failure.is(EINVAL));
    CHECK(failure.text().starts_with("not valid JSON at line 2"));
    CHECK_FALSE(Json::parse("").ok());
    CHECK_FALSE(Json::parse("{} {}").ok());
}

TEST_CASE("a key given twice is refused: two readers would disagree on which holds") {
    CHECK(Json::parse(R"({"a":1,"a":2})").error().text() == "not usable JSON: key 'a' is there twice");
    CHECK(Json::parse(R"({"a":1,"b":2,"c":3,"d":4,"e":{"b":1},"b":6})").error().text() == "not usable JSON: key 'b' is there twice");
    CHECK(Json::parse(R"({"a":{"a":[{"a":1},{"a":2}]},"b":{"a":1}})").ok());
}

TEST_CASE("nesting is limited") { CHECK(Json::parse(std::string(1000, '[')).error().is(ELOOP)); }

TEST_CASE("typed members name the field when it has another type") {
    auto const json = Json::parse(R"({"n":"x","l":["a",1],"nul":null})").value();
    CHECK(json.integer_or("n", 1).error().text() == "field 'n' is a string, not a whole number");
    CHECK(json.strings("l").error().text() == "field 'l' is a whole number, not an array of strings only");
    CHECK(json.integer_or("nul", 4).value() == 4);
    CHECK(json.integer_or("absent", 5).value() == 5);
}

TEST_CASE("documents are built in the order they are written") {
    Json json;
    json.set("z", 1).set_unless_empty("e", "").set("a", Json().push("x").push(2));
    CHECK(json.dump() == R"({"z":1,"a":["x",2]})");
}

TEST_CASE("merge patches of RFC 7396") {
    constexpr std::tuple<std::string_view, std::string_view, std::string_view> cases[] = {
        {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
        {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
        {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
        {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
        {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
        {R"({"a":"foo"})", R"("bar")", R"("bar")"},
        {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
        {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
    };
    for (auto const& [target, patch, merged] : cases) {
        auto document = Json::parse(target).value();
        document.merge(Json::parse(patch).value());
        CHECK(document.dump() == merged);
    }
}
