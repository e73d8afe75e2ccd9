#include "catch.h"

#include "cli/container_row.h"
#include "cli/filters.h"
#include "cli/list_format.h"
#include "cli/moments.h"
#include "cli/output.h"

using namespace bolt;
using namespace bolt::cli;

namespace {

constexpr ListColumn columns[] = {{"ID", "CONTAINER ID"}, {"Names", "NAMES"}, {"Image", "IMAGE"}};
std::vector<ListRow> rows() {
    ListRow first{Json().set("ID", "0123456789ab").set("Names", "web").set("Image", "nginx"), {{"com.example.tier-name", "front"}}};
    ListRow second{Json().set("ID", "ba9876543210").set("Names", "käse").set("Image", "a-rather-long-image"), {}};
    return {first, second};
}
std::string formatted(std::string_view format) {
    auto const text = format_list(format, "{{.ID}}\t{{.Image}}\t{{.Names}}", columns, rows());
    REQUIRE_OK(text);
    return text.value();
}
Time at(std::int64_t seconds) { return Time(std::chrono::seconds(seconds)); }

} // namespace

TEST_CASE("columns are laid out as docker does") {
    CHECK(lay_out_columns({"A\tB\tC", "1\t22222222222\t3"}) == "A         B             C\n1         22222222222   3\n");
    CHECK(lay_out_columns({"käse\tx", "kase\tx"}) == "käse      x\nkase      x\n");
    CHECK(lay_out_columns({"CONTAINER ID"}) == "CONTAINER ID\n");
    CHECK(lay_out_columns({"A\t", "B\tx"}) == "A         \nB         x\n");
}

TEST_CASE("tables, JSON lines and templates") {
    CHECK(formatted("") == "CONTAINER ID   IMAGE                 NAMES\n0123456789ab   nginx                 web\nba9876543210   a-rather-long-image   käse\n");
    CHECK(formatted("table") == formatted(""));
    CHECK(formatted("table {{.Names}}\\t{{.Label \"com.example.tier-name\"}}") == "NAMES     tier name\nweb       front\nkäse      \n");
    CHECK(formatted("table {{upper .Names}}") == "NAMES\nWEB\nKäSE\n");
    CHECK(formatted("{{.Names}}\\t{{.ID}}") == "web\t0123456789ab\nkäse\tba9876543210\n");
    CHECK(formatted("json").starts_with("{\"ID\":\"0123456789ab\",\"Names\":\"web\",\"Image\":\"nginx\"}\n{"));
    CHECK(formatted("{{.Label \"com.example.tier-name\"}}") == "front\n\n");
    CHECK(!format_list("{{.Bogus}}", "", columns, rows()).ok());
}

TEST_CASE("texts are shortened by characters") {
    CHECK(shortened("12345", 5) == "12345");
    CHECK(shortened("123456", 5) == "1234…");
    CHECK(shortened("äöüßé€", 3) == "äö…");
}

TEST_CASE("a container's status reads as docker's") {
    monitor::State state;
    CHECK(status_text(state, at(100)) == "Created");
    state.status = monitor::Status::running;
    state.started_at = at(97);
    CHECK(status_text(state, at(100)) == "Up 3 seconds");
    state.status = monitor::Status::exited;
    state.exit_code = 137;
    state.finished_at = at(100);
    CHECK(status_text(state, at(100 + 150)) == "Exited (137) 2 minutes ago");
    state.status = monitor::Status::restarting;
    state.exit_code = 1;
    CHECK(status_text(state, at(105)) == "Restarting (1) 5 seconds ago");
}

TEST_CASE("filters") {
    auto const filter = parse_filter("label=a=b");
    REQUIRE_OK(filter);
    CHECK((filter.value().key == "label" && filter.value().value == "a=b"));
    CHECK(!parse_filter("running").ok());
    CHECK(has_label({{"a", "b"}}, "a"));
    CHECK(has_label({{"a", "b"}}, "a=b"));
    CHECK(!has_label({{"a", "b"}}, "a=c"));
    CHECK(matches_pattern("deb*", "debian"));
    CHECK(!matches_pattern("deb*", "x/debian"));
    auto const unknown = filter_containers({}, {{"nmae", "x"}});
    REQUIRE(!unknown.ok());
    CHECK(unknown.error().text().find("there is no filter 'nmae'; did you mean 'name'?") == 0);
    CHECK(!filter_containers({}, {{"status", "bogus"}}).ok());
}

TEST_CASE("filters of containers") {
    auto const make = [](std::string name, monitor::Status status, int code, std::int64_t created) {
        engine::Container container;
        container.record.name = std::move(name);
        container.record.id = std::string(64, static_cast<char>('a' + created));
        container.record.created = at(created);
        container.record.image = "nginx:1";
        container.record.labels = {{"tier", "front"}};
        container.state.status = status;
        container.state.exit_code = code;
        return container;
    };
    std::vector<engine::Container> const all{make("web2", monitor::Status::exited, 3, 2), make("web", monitor::Status::running, 0, 1), make("db", monitor::Status::created, 0, 0)};
    auto const names = [&](std::vector<Filter> const& filters) {
        auto const kept = filter_containers(all, filters);
        REQUIRE_OK(kept);
        std::string text;
        for (auto const& container : kept.value()) text += container.record.name + " ";
        return text;
    };
    CHECK(names({{"name", "web"}}) == "web2 web ");
    CHECK(names({{"name", "^web$"}}) == "web ");
    CHECK(names({{"status", "exited"}, {"status", "created"}}) == "web2 db ");
    CHECK(names({{"exited", "3"}}) == "web2 ");
    CHECK(names({{"ancestor", "docker.io/library/nginx:1"}}) == "web2 web db ");
    CHECK(names({{"ancestor", "redis"}}) == "");
    CHECK(names({{"before", "web"}}) == "db ");
    CHECK(names({{"since", "db"}}) == "web2 web ");
    CHECK(names({{"label", "tier"}, {"label", "none"}}) == "");
    CHECK(!filter_containers(all, {{"since", "nobody"}}).ok());
}

TEST_CASE("moments") {
    auto const moment = [](std::string_view text) {
        auto const parsed = parse_moment(text, at(1'000'000));
        REQUIRE_OK(parsed);
        return parsed.value();
    };
    CHECK(moment("10m") == at(1'000'000 - 600));
    CHECK(moment("1136073600") == at(1136073600));
    CHECK(moment("1136073600.5") == at(1136073600) + std::chrono::milliseconds(500));
    CHECK(moment("2013-01-02T13:23:37Z") == moment("2013-01-02T13:23:37"));
    CHECK(moment("2013-01-02") == moment("2013-01-02T00:00:00Z"));
    CHECK(moment("2013-01-02T13:23") == moment("2013-01-02T13:23:00Z"));
    CHECK(!parse_moment("yesterday", at(0)).ok());
}
