// linux.intelRdt on a directory that stands for the kernel's file system, which this takes a processor for.
#include "catch.h"

#include "oci/resctrl.h"
#include "scratch.h"

using namespace bolt;
using namespace bolt::oci;

namespace {

// The kernel makes these files in every class.
void fill(test::Scratch const& top, std::string const& name) {
    top.write(name + "/schemata", "");
    top.write(name + "/tasks", "");
    REQUIRE_OK(make_directories(top.path / name / "mon_groups", 0755));
}

std::string contents(test::Scratch const& top, std::string const& name) { return read_file(top.path / name).value(); }

} // namespace

TEST_CASE("a class that exists is entered and stays", "[oci][rdt]") {
    test::Scratch const top;
    fill(top, "gold");
    auto const made = make_rdt_class({.clos_id = "gold"}, "id", top.path);
    REQUIRE_OK(made);
    CHECK(made.value().own.empty());
    REQUIRE_OK(enter_rdt_class(made.value().entered, 42));
    CHECK(contents(top, "gold/tasks") == "42");
    CHECK(contents(top, "gold/schemata").empty());
}

TEST_CASE("a class that exists with other schemata is refused, with the same it is not", "[oci][rdt]") {
    test::Scratch const top;
    fill(top, "gold");
    top.write("gold/schemata", "    L3:0=00ff;1=00ff\n    MB:0= 100;1=  70\n");
    REQUIRE_OK(make_rdt_class({.clos_id = "gold", .mem_bw_schema = "MB:1=70"}, "id", top.path));
    REQUIRE_OK(make_rdt_class({.clos_id = "gold", .l3_cache_schema = "L3:0=ff;1=ff"}, "id", top.path));
    auto const other = make_rdt_class({.clos_id = "gold", .l3_cache_schema = "L3:0=f;1=ff"}, "id", top.path);
    REQUIRE_FALSE(other);
    CHECK(other.error().is(EEXIST));
    CHECK(other.error().text().find("'gold' exists with other schemata than 'L3:0=f;1=ff'") != std::string::npos);
}

TEST_CASE("a class that nobody made is an error without schemata", "[oci][rdt]") {
    test::Scratch const top;
    auto const made = make_rdt_class({.clos_id = "gold"}, "id", top.path);
    REQUIRE_FALSE(made);
    CHECK(made.error().is(ENOENT));
    CHECK_FALSE(exists(top.path / "gold"));
}

TEST_CASE("the default class is the file system's top", "[oci][rdt]") {
    test::Scratch const top;
    auto const made = make_rdt_class({.clos_id = "/"}, "id", top.path);
    REQUIRE_OK(made);
    CHECK(made.value().entered == std::vector{top.path});
    CHECK(made.value().own.empty());
}

TEST_CASE("a class and a monitoring group of the container's own go with it", "[oci][rdt]") {
    test::Scratch const top;
    // Without the kernel the new directories are empty: nothing can be written, so no schemata here.
    fill(top, "gold");
    auto const made = make_rdt_class({.clos_id = "gold", .enable_monitoring = true}, "id", top.path);
    REQUIRE_OK(made);
    CHECK(made.value().own == std::vector{top.path / "gold/mon_groups/id"});
    CHECK(made.value().entered.size() == 2);
    auto const own = make_rdt_class({}, "id", top.path);
    REQUIRE_OK(own);
    CHECK(own.value().own == std::vector{top.path / "id"});
    CHECK(remove_rdt_class(own.value().own).empty());
    CHECK_FALSE(exists(top.path / "id"));
    CHECK(exists(top.path / "gold"));
}

TEST_CASE("what was made is taken back when the rest fails", "[oci][rdt]") {
    test::Scratch const top;
    auto const made = make_rdt_class({.l3_cache_schema = "L3:0=f"}, "id", top.path); // no file schemata
    REQUIRE_FALSE(made);
    CHECK_FALSE(exists(top.path / "id"));
}

TEST_CASE("schemata are written in the specification's order, a line each", "[oci][rdt]") {
    test::Scratch const top;
    fill(top, "c");
    // Each write begins at the top: in the kernel's file every line is a command, in this one the last stays.
    REQUIRE_OK(change_rdt_class(top.path / "c", {.l3_cache_schema = "L3:0=f", .mem_bw_schema = "MB:0=20", .schemata = {"L2:0=1"}}));
    CHECK(contents(top, "c/schemata") == "L2:0=1\n\n"); // over "MB:0=20\n"
}

TEST_CASE("the cache's schema is written before the bandwidth's", "[oci][rdt]") {
    test::Scratch const top;
    fill(top, "c");
    REQUIRE_OK(change_rdt_class(top.path / "c", {.l3_cache_schema = "L3:0=fffffff", .mem_bw_schema = "MB:0=20"}));
    CHECK(contents(top, "c/schemata") == "MB:0=20\nffff\n"); // over "L3:0=fffffff\n", which was there first
}

TEST_CASE("a class that is named and not there is made, and stays", "[oci][rdt]") {
    test::Scratch const top;
    // The kernel would fill the new directory; here the schemata cannot be written, and it is taken back.
    auto const made = make_rdt_class({.clos_id = "gold", .l3_cache_schema = "L3:0=f"}, "id", top.path);
    REQUIRE_FALSE(made);
    CHECK(made.error().text().find("gold/schemata") != std::string::npos);
    CHECK_FALSE(exists(top.path / "gold"));
}

TEST_CASE("a monitoring group goes with the container, its class stays", "[oci][rdt]") {
    test::Scratch const top;
    fill(top, "gold");
    auto const made = make_rdt_class({.clos_id = "gold", .enable_monitoring = true}, "id", top.path);
    REQUIRE_OK(made);
    REQUIRE(exists(top.path / "gold/mon_groups/id"));
    CHECK(remove_rdt_class(made.value().own).empty());
    CHECK_FALSE(exists(top.path / "gold/mon_groups/id"));
    CHECK(exists(top.path / "gold/mon_groups"));
}

TEST_CASE("a monitoring group that cannot be made is an error", "[oci][rdt]") {
    test::Scratch const top;
    top.write("gold/schemata", "");
    top.write("gold/tasks", "");
    top.write("gold/mon_groups", "no directory, so none can be made in it");
    auto const made = make_rdt_class({.clos_id = "gold", .enable_monitoring = true}, "id", top.path);
    REQUIRE_FALSE(made);
    CHECK(made.error().text().find("mon_groups") != std::string::npos);
}
