// --userns: mappings, free ids, the user's own line in passwd.
#include "catch.h"

#include "engine/container_ids.h"
#include "engine/own_user.h"

using namespace bolt;
using namespace bolt::engine;

namespace {
CallingUser const alice{.uid = 1000, .gid = 100, .name = "alice", .home = "/home/alice"};
IdMappings const usual{{{0, 1000, 1}, {1, 100000, 65536}}, {{0, 100, 1}, {1, 100000, 65536}}, std::nullopt};
} // namespace

TEST_CASE("keep-id leaves a hole for the user and gives it the number inside", "[engine][ids]") {
    auto const ids = keep_ids(alice, usual);
    REQUIRE_OK(ids);
    CHECK(ids.value().users == std::vector<IdRange>{{0, 1, 1000}, {1000, 0, 1}, {1001, 1001, 64536}});
    CHECK(ids.value().groups == std::vector<IdRange>{{0, 1, 100}, {100, 0, 1}, {101, 101, 65436}});
}

TEST_CASE("keep-id with an id beyond the ranges, or just at their end", "[engine][ids]") {
    CallingUser const far{.uid = 70000, .gid = 65536, .name = "far", .home = "/"};
    auto const ids = keep_ids(far, usual);
    REQUIRE_OK(ids);
    CHECK(ids.value().users == std::vector<IdRange>{{0, 1, 65536}, {70000, 0, 1}});
    CHECK(ids.value().groups == std::vector<IdRange>{{0, 1, 65536}, {65536, 0, 1}});
}

TEST_CASE("keep-id is refused to root and without ranges", "[engine][ids]") {
    CHECK_FALSE(keep_ids({.uid = 0, .gid = 0, .name = "root", .home = "/"}, usual).ok());
    auto const single = keep_ids(alice, {{{0, 1000, 1}}, {{0, 100, 1}}, "there is no range"});
    REQUIRE_FALSE(single.ok());
    CHECK(single.error().text() == "--userns=keep-id needs ids beside your own: there is no range");
}

TEST_CASE("free ids are the highest that fit", "[engine][ids]") {
    CHECK(find_free_block({}, 65536, 1024) == IdBlock{64512, 1024});
    CHECK(find_free_block({{64512, 1024}}, 65536, 1024) == IdBlock{63488, 1024});
    CHECK(find_free_block({{63488, 1024}}, 65536, 1024) == IdBlock{64512, 1024});
    CHECK(find_free_block({{62464, 1024}, {64512, 1024}}, 65536, 2048) == IdBlock{60416, 2048});
    CHECK(find_free_block({{0, 1024}}, 2048, 1024) == IdBlock{1024, 1024});
    CHECK_FALSE(find_free_block({{0, 1024}}, 2048, 2048));
    CHECK_FALSE(find_free_block({}, 1000, 1024));
    CHECK(find_free_block({{64512, 1024}, {64000, 2000}}, 65536, 1024) == IdBlock{62976, 1024}); // ranges that overlap: /etc/subuid changed
}

TEST_CASE("an image's users say how many ids it needs", "[engine][ids]") {
    CHECK(ids_needed("", "", 0) == 1024);
    CHECK(ids_needed("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", "nogroup:x:65534:\n", 0) == 1024);
    CHECK(ids_needed("app:x:1024:5::/:/bin/sh\n", "", 0) == 2048);
    CHECK(ids_needed("", "big:x:5000:\n", 0) == 5120);
    CHECK(ids_needed("", "", 65535) == 65536);
}

TEST_CASE("the user gets a line in passwd and group unless there is one", "[engine][ids]") {
    CHECK(passwd_with(alice, "/w", "root:x:0:0::/:/bin/sh") == "root:x:0:0::/:/bin/sh\nalice:x:1000:100::/w:/bin/sh\n");
    CHECK(passwd_with(alice, "/w", "") == "alice:x:1000:100::/w:/bin/sh\n");
    CHECK(passwd_with(alice, "/w", "node:x:1000:1000::/:/bin/sh\n") == "node:x:1000:1000::/:/bin/sh\n");
    CHECK(group_with(alice, "users:x:100:\n") == "users:x:100:\n");
    CHECK(group_with(alice, "root:x:0:\n") == "root:x:0:\nalice:x:100:\n");
}
