#include "catch.h"

#include <algorithm>

#include <fcntl.h>

#include "sys/file.h"
#include "sys/mount_table.h"

using namespace bolt;

TEST_CASE("a line of mountinfo") {
    auto const table = parse_mount_table("36 35 98:0 /mnt1 /mnt\\0402/\\134x rw,noatime shared:1 master:2 - ext3 /dev/root ro,errors=continue\n"
                                         "37 36 0:5 / /proc rw - proc proc rw\n");
    REQUIRE(table.ok());
    REQUIRE(table.value().size() == 2);
    auto const& [id, parent, place, type, options] = table.value().front();
    CHECK(id == 36);
    CHECK(parent == 35);
    CHECK(place == "/mnt 2/\\x");
    CHECK(type == "ext3");
    CHECK(options == "ro,errors=continue");
    CHECK(table.value().back().type == "proc");
}

TEST_CASE("what is no line of mountinfo") {
    for (auto const* const line : {"36 35 98:0 / /mnt rw", "36 35 98:0 / /mnt rw - ext3", "x 35 98:0 / /mnt rw - ext3 /dev/root rw", "36 35 98:0 / /mnt\\9 rw - ext3 /dev/root rw"})
        CHECK_FALSE(parse_mount_table(line).ok());
}

TEST_CASE("the mount of a descriptor is in the table") {
    auto const root = open_file(HostPath(), O_PATH | O_DIRECTORY);
    REQUIRE(root.ok());
    auto const id = mount_id_of(root.value());
    REQUIRE(id.ok());
    auto const table = read_mount_table();
    REQUIRE(table.ok());
    CHECK(std::ranges::any_of(table.value(), [&](auto const& entry) { return entry.id == id.value() && entry.place == "/"; }));
}
