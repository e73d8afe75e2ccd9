#include "catch.h"

#include "oci/cgroups.h"
#include "oci/mount_plan.h"
#include "oci/namespace_plan.h"
#include "oci/seccomp.h"

using namespace bolt;

namespace {

spec::Linux with_namespaces(std::initializer_list<spec::NamespaceType> types) {
    spec::Linux section;
    for (auto const type : types) section.namespaces.push_back({type, ""});
    return section;
}

std::string mount_error(spec::Mount mount) {
    spec::Runtime spec;
    spec.mounts.push_back(std::move(mount));
    auto const plan = oci::plan_mounts(spec, HostPath::parse("/bundle").value());
    return plan ? "" : plan.error().text();
}

} // namespace

TEST_CASE("sysctls belong to a namespace of the container's own") {
    auto section = with_namespaces({spec::NamespaceType::ipc});
    section.sysctl = {{"kernel.shmmax", "1"}, {"fs.mqueue.msg_max", "10"}};
    CHECK(oci::check_sysctls(section).ok());
    section.sysctl = {{"net/ipv4/ip_forward", "1"}};
    CHECK(oci::check_sysctls(section).error().text() == "linux.sysctl: 'net/ipv4/ip_forward' needs a namespace of type 'network' in linux.namespaces");
    section = with_namespaces({});
    section.namespaces.push_back({spec::NamespaceType::network, "/proc/self/ns/net"});
    section.sysctl = {{"net.ipv4.ip_forward", "1"}};
    CHECK(oci::check_sysctls(section).error().text() ==
          "linux.sysctl: 'net.ipv4.ip_forward' would change the host: the namespace '/proc/self/ns/net' in linux.namespaces is the caller's own");
    section.sysctl = {{"kernel.panic", "1"}};
    CHECK(oci::check_sysctls(section).error().is(EINVAL));
}

TEST_CASE("mounts that make no sense are refused by name") {
    CHECK(mount_error({"/a", "bind", "", {}}) == "mount '/a': a bind mount needs a source");
    CHECK(mount_error({"/a", "", "x", {"ro"}}) == "mount '/a': neither a file system type nor a bind mount");
    CHECK(mount_error({"/a", "bind", "/x", {"bind", "size=1"}}) == "mount '/a': 'size' is not an option of bind mounts");
    CHECK(mount_error({"/a", "tmpfs", "tmpfs", {"idmap"}}) == "mount '/a': only bind mounts can have ids of their own");
}

TEST_CASE("later options win, those of the tree on its top too") {
    spec::Runtime spec;
    spec.mounts = {{"/a", "bind", "/x", {"rbind", "ro", "rw", "nodev", "rro", "rslave"}}};
    auto const plan = oci::plan_mounts(spec, HostPath::parse("/bundle").value());
    REQUIRE_OK(plan);
    auto const* const bind = std::get_if<oci::BindMount>(&plan.value().front());
    REQUIRE(bind);
    CHECK(bind->depth == Depth::recursive);
    CHECK(bind->attributes == MountAttributes{.set = 5, .clear = 0}); // the tree has its top too
    CHECK(bind->recursive.set == 1);
    CHECK(bind->recursive.propagation != 0);
}

TEST_CASE("memory and swap together become swap alone on version 2") {
    spec::Resources resources;
    resources.memory.limit = 100;
    resources.memory.swap = 150;
    auto const settings = oci::plan_cgroup(resources, {.version = oci::CgroupVersion::v2});
    REQUIRE_OK(settings);
    CHECK(settings.value().at(1).file == "memory.swap.max");
    CHECK(settings.value().at(1).value == "50");
    resources.memory.swap = 50;
    CHECK(oci::plan_cgroup(resources, {.version = oci::CgroupVersion::v2}).error().is(EINVAL));
    resources.memory.swap = -1;
    CHECK(oci::plan_cgroup(resources, {.version = oci::CgroupVersion::v2}).value().at(1).value == "max");
}

TEST_CASE("a seccomp profile becomes a program of whole instructions") {
    spec::Seccomp profile;
    profile.default_action = "SCMP_ACT_ALLOW";
    profile.syscalls.push_back({.names = {"mkdir", "a_call_of_the_future"}, .action = "SCMP_ACT_ERRNO", .errno_return = 38, .args = {}});
    auto const program = oci::compile_seccomp(profile);
    REQUIRE_OK(program);
    CHECK(!program.value().empty());
    CHECK(program.value().size() % 8 == 0);
    profile.syscalls.front().action = "SCMP_ACT_NOTIFY";
    profile.syscalls.front().errno_return.reset();
    CHECK(oci::asks_supervisor(profile));
    REQUIRE_OK(oci::compile_seccomp(profile));
    profile.syscalls.front().action = "SCMP_ACT_NOSUCH";
    CHECK(oci::compile_seccomp(profile).error().is(EINVAL));
}
