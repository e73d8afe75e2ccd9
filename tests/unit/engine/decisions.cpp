// What is decided when a container is made: capabilities, variables, command, paths, the OCI configuration.
#include "catch.h"

#include <cstdlib>

#include "engine/capabilities.h"
#include "engine/container_name.h"
#include "engine/container_spec.h"
#include "engine/delegated_cgroup.h"
#include "engine/environment.h"
#include "engine/security_options.h"
#include "spec/runtime.h"

using namespace bolt;
using namespace bolt::engine;

namespace {
std::vector<std::string> capabilities(std::vector<std::string> const& add, std::vector<std::string> const& drop) {
    auto chosen = choose_capabilities(add, drop);
    REQUIRE_OK(chosen);
    return chosen.value();
}
bool has(auto const& list, std::string_view word) { return std::ranges::find(list, word) != list.end(); }
} // namespace

TEST_CASE("capabilities: docker's fourteen, and what --cap-add and --cap-drop make of them", "[engine]") {
    CHECK(capabilities({}, {}).size() == 14);
    CHECK(has(capabilities({"net_admin"}, {}), "CAP_NET_ADMIN"));
    CHECK_FALSE(has(capabilities({}, {"CAP_CHOWN"}), "CAP_CHOWN"));
    CHECK(capabilities({"CAP_CHOWN"}, {"ALL"}) == std::vector<std::string>{"CAP_CHOWN"});
    CHECK(capabilities({"ALL"}, {}).size() == 41);
    CHECK(capabilities({"all"}, {"sys_admin"}).size() == 40);
    CHECK(capabilities({}, {"ALL"}).empty());
    CHECK(has(capabilities({"CHOWN"}, {"CHOWN"}), "CAP_CHOWN"));
    CHECK(choose_capabilities({"FLY"}, {}).error().text().starts_with("'FLY' is not a capability"));
}

TEST_CASE("environment: later values take the place of earlier ones", "[engine]") {
    Environment environment;
    environment.set("A=1");
    environment.set("B=2");
    environment.set("A=3=4");
    environment.set_unless_there("B=9");
    setenv("BOLT_TEST_OWN", "mine", 1);
    unsetenv("BOLT_TEST_NONE");
    REQUIRE_OK(add_given(environment, {"C=", "BOLT_TEST_OWN", "BOLT_TEST_NONE"}));
    CHECK(environment.list() == std::vector<std::string>{"A=3=4", "B=2", "C=", "BOLT_TEST_OWN=mine"});
    CHECK(add_given(environment, {"=x"}).error().text() == "'=x' names no environment variable; write NAME=VALUE");
}

TEST_CASE("environment: docker's order, image, then user, then HOME", "[engine]") {
    ContainerOptions options{.environment = {"X=user"}, .terminal = true};
    spec::ImageConfig image;
    image.env = {"PATH=/bin", "X=image"};
    auto const list = choose_environment(options, image, "web", "/root");
    REQUIRE_OK(list);
    CHECK(list.value() == std::vector<std::string>{"PATH=/bin", "HOSTNAME=web", "TERM=xterm", "X=user", "container=bolt", "HOME=/root"});
}

TEST_CASE("command: docker's rules for entrypoint and command", "[engine]") {
    spec::ImageConfig image;
    image.entrypoint = {"/entry"};
    image.cmd = {"serve"};
    using List = std::vector<std::string>;
    CHECK(choose_command({.image = "i"}, image).value() == List{"/entry", "serve"});
    CHECK(choose_command({.image = "i", .command = {"a", "b"}}, image).value() == List{"/entry", "a", "b"});
    CHECK(choose_command({.image = "i", .entrypoint = "/x"}, image).value() == List{"/x"});
    CHECK(choose_command({.image = "i", .command = {"sh"}, .entrypoint = ""}, image).value() == List{"sh"});
    CHECK(choose_command({.image = "i", .entrypoint = ""}, image).error().text() == "nothing to run: image 'i' names no command; write one after the image's name");
}

TEST_CASE("security options", "[engine]") {
    auto const options = parse_security_options({"seccomp=unconfined", "no-new-privileges:false", "mask=/proc/cpuinfo", "unmask=/proc/kcore:/proc/sys", "label=disable"});
    REQUIRE_OK(options);
    CHECK(options.value().seccomp == SeccompChoice::unconfined);
    CHECK(options.value().no_new_privileges == false);
    auto const hidden = hidden_paths(options.value());
    CHECK(has(hidden.masked, "/proc/cpuinfo"));
    CHECK_FALSE(has(hidden.masked, "/proc/kcore"));
    CHECK_FALSE(has(hidden.read_only, "/proc/sys"));
    CHECK(has(hidden.read_only, "/proc/bus"));
    CHECK(hidden_paths(parse_security_options({"systempaths=unconfined"}).value()).masked.empty());
    CHECK(parse_security_options({"no-new-privileges"}).value().no_new_privileges == true);
    CHECK_FALSE(parse_security_options({"selinux=on"}).ok());
    CHECK_FALSE(parse_security_options({"apparmor=mine"}).ok());
    CHECK_FALSE(parse_security_options({"mask=proc"}).ok());
}

TEST_CASE("generated names are names", "[engine]") {
    for (std::uint64_t number = 0; number < 7000; ++number) REQUIRE_OK(check_object_name(generated_name(number)));
    CHECK(generated_name(1) != generated_name(0));
    CHECK(generated_name(80) != generated_name(0));
}

namespace {
SpecPlan some_plan() {
    SpecPlan plan;
    plan.hostname = "web";
    plan.arguments = {"nginx", "-g"};
    plan.environment = {"A=b"};
    plan.capabilities = {"CAP_CHOWN"};
    plan.no_new_privileges = true;
    plan.hidden = hidden_paths({});
    return plan;
}
std::vector<std::string> destinations(Json const& document) {
    std::vector<std::string> list;
    for (auto const& mount : *document.find("mounts")->find_array()) list.push_back(*mount.find("destination")->find_string());
    return list;
}
} // namespace

TEST_CASE("the OCI configuration is one that the runtime reads", "[engine][spec]") {
    auto const document = container_spec(some_plan());
    CHECK(document.find("linux")->find("resources") == nullptr);
    CHECK(document.find("linux")->find("cgroupsPath") == nullptr);
    auto const process = document.find("process");
    CHECK(*process->find("noNewPrivileges")->find_bool());
    CHECK(process->find("capabilities")->find("effective") != nullptr);
    CHECK(destinations(document).front() == "/proc");
    auto const read = spec::parse_runtime(document);
    REQUIRE_OK(read);
    CHECK(read.value().process->args == std::vector<std::string>{"nginx", "-g"});
}

TEST_CASE("other users than root get the bounding set only", "[engine][spec]") {
    auto plan = some_plan();
    plan.user.uid = 33;
    plan.user.additional_groups = {4, 5};
    auto const document = container_spec(plan);
    auto const* const set = document.find("process")->find("capabilities");
    CHECK(set->find("effective") == nullptr);
    CHECK(set->find("bounding") != nullptr);
    CHECK(document.find("process")->find("user")->find("additionalGids")->find_array()->size() == 2);
}

TEST_CASE("mounts: parents first, and the user's own in place of a default one", "[engine][spec]") {
    auto plan = some_plan();
    plan.mounts = {plan_mount({.kind = MountKind::bind, .target = "/a/b/c"}, "/src"), plan_mount({.kind = MountKind::tmpfs, .target = "/a"}, ""),
                   plan_mount({.kind = MountKind::tmpfs, .target = "/dev/shm", .tmpfs_options = {"exec", "size=1m"}}, "")};
    auto const document = container_spec(plan);
    auto const list = destinations(document);
    CHECK(std::ranges::count(list, std::string("/dev/shm")) == 1);
    CHECK(std::ranges::find(list, "/a") < std::ranges::find(list, "/a/b/c"));
    for (auto const& mount : *document.find("mounts")->find_array())
        if (*mount.find("destination")->find_string() == "/dev/shm") CHECK(mount.strings("options").value() == std::vector<std::string>{"nosuid", "nodev", "exec", "size=1m"});
}

TEST_CASE("limits become resources", "[engine][spec]") {
    auto plan = some_plan();
    plan.limits = {.memory = Bytes{64u << 20}, .memory_and_swap = Bytes{128u << 20}, .cpus = 1.5, .processes = 20};
    auto const document = container_spec(plan);
    auto const* const resources = document.find("linux")->find("resources");
    REQUIRE(resources);
    CHECK(*resources->find("memory")->find("limit")->find_integer() == 64 << 20);
    CHECK(*resources->find("memory")->find("swap")->find_integer() == 128 << 20);
    CHECK(*resources->find("cpu")->find("quota")->find_integer() == 150'000);
    CHECK(*resources->find("pids")->find("limit")->find_integer() == 20);
    plan.privilege = Privilege::root;
    CHECK(container_spec(plan).find("linux")->find("resources")->find("devices") != nullptr);
}

TEST_CASE("an ordinary user's limits: which controllers, and where the container goes", "[engine][cgroup]") {
    auto plan = some_plan();
    plan.limits = {.memory = Bytes{64u << 20}, .processes = 20};
    auto const request = Json::object().set("id", "x").set("spec", container_spec(plan));
    CHECK(needed_controllers(request) == std::vector<std::string>{"memory", "pids"});
    CHECK(needed_controllers(Json::object().set("spec", container_spec(some_plan()))).empty());
    auto const placed = with_cgroup(request, "/user.slice/x.scope/container");
    CHECK(*placed.find("spec")->find("linux")->find("cgroupsPath")->find_string() == "/user.slice/x.scope/container");
    CHECK(*with_cgroup(placed, "/other").find("spec")->find("linux")->find("cgroupsPath")->find_string() == "/other");
    CHECK(*placed.find("id")->find_string() == "x");
}
