#include "../../catch.h"

#include "monitor/user.h"

using namespace bolt::monitor;

namespace {
constexpr std::string_view passwd = "root:x:0:0:root:/root:/bin/sh\n"
                                    "web:x:33:33:www:/var/www:/sbin/nologin\n"
                                    "1234:x:50:51::/odd:\n"
                                    "broken line\n";
constexpr std::string_view group = "root:x:0:\nwww:x:33:\nlog:x:4:web,other\nssl:x:101:web\nstaff:x:50:root\n";
} // namespace

TEST_CASE("users by name and number") {
    auto const root = resolve_user("", passwd, group).value();
    CHECK(root.uid == 0);
    CHECK(root.home == "/root");
    CHECK(root.additional_groups == std::vector<gid_t>{50});
    auto const web = resolve_user("web", passwd, group).value();
    CHECK(web.uid == 33);
    CHECK(web.gid == 33);
    CHECK(web.home == "/var/www");
    CHECK(web.additional_groups == std::vector<gid_t>{4, 101});
    CHECK(resolve_user("33", passwd, group).value().additional_groups == std::vector<gid_t>{4, 101});
}

TEST_CASE("a number needs no entry, a name does") {
    auto const user = resolve_user("777", passwd, group).value();
    CHECK(user.uid == 777);
    CHECK(user.gid == 0);
    CHECK(user.home == "/");
    auto const missing = resolve_user("nobody", passwd, group);
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.error().is(ENOENT));
    CHECK(missing.error().text() == "the container's /etc/passwd has no user 'nobody'");
}

TEST_CASE("a name that looks like a number is a name first") { CHECK(resolve_user("1234", passwd, group).value().uid == 50); }

TEST_CASE("a named group stands alone") {
    auto const user = resolve_user("web:ssl", passwd, group).value();
    CHECK(user.gid == 101);
    CHECK(user.additional_groups.empty());
    CHECK(resolve_user("web:9", passwd, group).value().gid == 9);
    CHECK(resolve_user(":ssl", passwd, group).value().gid == 101);
    CHECK(resolve_user("web:nogroup", passwd, group).error().text() == "the container's /etc/group has no group 'nogroup'");
}

TEST_CASE("a root without the files knows numbers only") {
    auto const root = bolt::Root::open(bolt::HostPath::parse("/proc/self").value()).value();
    CHECK(find_user(root, "5:6").value().gid == 6);
    CHECK(find_user(root, "root").error().is(ENOENT));
}
