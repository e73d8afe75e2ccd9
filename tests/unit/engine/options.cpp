#include "catch.h"

#include "engine/options.h"

using namespace bolt;
using namespace bolt::engine;

TEST_CASE("-v tells host paths from volumes' names", "[engine][mounts]") {
    auto const bind = parse_volume_option("/srv/data:/data:ro,rslave");
    REQUIRE_OK(bind);
    CHECK(bind.value().kind == MountKind::bind);
    CHECK(bind.value().source == "/srv/data");
    CHECK(bind.value().target == "/data");
    CHECK(bind.value().read_only);
    CHECK(bind.value().makes_source);
    CHECK(bind.value().propagation == "rslave");
    auto const named = parse_volume_option("cache:/var/cache:nocopy");
    REQUIRE_OK(named);
    CHECK(named.value().kind == MountKind::volume);
    CHECK(named.value().source == "cache");
    CHECK_FALSE(named.value().copies_image_content);
    auto const anonymous = parse_volume_option("/var/lib//x/");
    REQUIRE_OK(anonymous);
    CHECK(anonymous.value().kind == MountKind::volume);
    CHECK(anonymous.value().source.empty());
    CHECK(anonymous.value().target == "/var/lib/x");
    auto const relative = parse_volume_option("./here:/there");
    REQUIRE_OK(relative);
    CHECK(relative.value().source.starts_with("/"));
    CHECK(relative.value().source.ends_with("/here"));
}

TEST_CASE("-v refuses by name", "[engine][mounts]") {
    auto const text_of = [](std::string_view text) { return parse_volume_option(text).error().text(); };
    CHECK(text_of("a:b:c:d") == "'a:b:c:d' is not a mount; write [SOURCE:]TARGET[:OPTIONS]");
    CHECK(text_of("data:relative") == "the mount target 'relative' in 'data:relative' is not an absolute path of the container");
    CHECK(text_of("/x:/y:fast").starts_with("unknown option 'fast' in '/x:/y:fast'"));
    CHECK(text_of("da ta:/y").starts_with("'da ta' is neither a volume's name"));
    CHECK(text_of("x:/").find("onto the container's '/'") != std::string::npos);
    CHECK(text_of("vol:/y:rshared").find("only for a bind mount") != std::string::npos);
    CHECK_FALSE(parse_volume_option("").ok());
}

TEST_CASE("--mount takes docker's keys, quoted values too", "[engine][mounts]") {
    auto const bind = parse_mount_option("type=bind,src=/a,\"target=/b,c\",readonly,bind-propagation=shared");
    REQUIRE_OK(bind);
    CHECK(bind.value().target == "/b,c");
    CHECK(bind.value().read_only);
    CHECK_FALSE(bind.value().makes_source);
    CHECK(bind.value().propagation == "shared");
    auto const memory = parse_mount_option("type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=700");
    REQUIRE_OK(memory);
    CHECK(memory.value().tmpfs_options == std::vector<std::string>{"size=67108864", "mode=700"});
    auto const volume = parse_mount_option("source=v,target=/v,volume-nocopy");
    REQUIRE_OK(volume);
    CHECK(volume.value().kind == MountKind::volume);
    CHECK_FALSE(volume.value().copies_image_content);
    for (auto const text : {"type=bind,target=/x", "type=bind,source=/x", "type=npipe,target=/x", "type=tmpfs,source=a,target=/x", "type=volume,tmpfs-size=1m,target=/x",
                            "type=bind,source=/x,target=/y,volume-nocopy", "type=bind,color=red,target=/x", "\"target=/x", "target", "source=a/b,target=/x"})
        CHECK_FALSE(parse_mount_option(text).ok());
}

TEST_CASE("--tmpfs takes mount options", "[engine][mounts]") {
    auto const mount = parse_tmpfs_option("/run:rw,size=1m,mode=755");
    REQUIRE_OK(mount);
    CHECK(mount.value().tmpfs_options == std::vector<std::string>{"rw", "size=1m", "mode=755"});
    auto const read_only = parse_tmpfs_option("/run:ro");
    REQUIRE_OK(read_only);
    CHECK(read_only.value().read_only);
    CHECK(parse_tmpfs_option("/run:lowerdir=/etc").error().text().starts_with("unknown tmpfs option 'lowerdir=/etc'"));
    CHECK_FALSE(parse_tmpfs_option("run").ok());
}

TEST_CASE("restart policies", "[engine]") {
    using monitor::RestartPolicy;
    auto const counted = parse_restart_option("on-failure:3");
    REQUIRE_OK(counted);
    CHECK(counted.value().policy == RestartPolicy::on_failure);
    CHECK(counted.value().most == 3);
    REQUIRE_OK(parse_restart_option("unless-stopped"));
    CHECK(parse_restart_option("always").value().policy == RestartPolicy::always);
    CHECK(parse_restart_option("no").value().policy == RestartPolicy::no);
    for (auto const text : {"always:2", "on-failure:x", "on-failure:-1", "sometimes"}) CHECK_FALSE(parse_restart_option(text).ok());
}
