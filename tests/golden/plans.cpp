// spec.json -> plan.txt: what would be done, without doing it. BOLT_ACCEPT=1 rewrites the texts.
#include "catch.h"

#include <cstdlib>
#include <string>

#include "base/text.h"
#include "oci/cgroups.h"
#include "oci/mount_plan.h"
#include "oci/namespace_plan.h"
#include "spec/runtime.h"
#include "sys/file.h"

using namespace bolt;

namespace {

std::string describe_settings(spec::Resources const& resources, oci::CgroupVersion version) {
    auto const settings = oci::plan_cgroup(resources, {.version = version});
    if (!settings) return fmt::format("  refused: {}\n", settings.error().text());
    std::string text;
    for (auto const& setting : settings.value()) {
        text += fmt::format("  {} {} = {} ({})", setting.controller, setting.file, setting.value, setting.field);
        if (!setting.other_file.empty()) text += fmt::format(", or {} = {}", setting.other_file, setting.other_value);
        text += setting.only_if_there ? ", if it is there\n" : "\n";
    }
    return text;
}

std::string describe_namespaces(spec::Linux const& section) {
    auto const plan = oci::plan_namespaces(section);
    if (!plan) return fmt::format("  refused: {}\n", plan.error().text());
    auto text = fmt::format("  made by clone {:#x}, by init {:#x}\n", plan.value().made_by_clone, plan.value().made_by_init);
    for (auto const& [flag, path] : plan.value().joined_before) text += fmt::format("  joined before {:#x} {}\n", flag, path);
    for (auto const& [flag, path] : plan.value().joined_by_init) text += fmt::format("  joined by init {:#x} {}\n", flag, path);
    return text;
}

Result<std::string> plan_of(HostPath const& document) {
    auto const spec = TRY(spec::parse_runtime(TRY(Json::parse(TRY(read_file(document))))));
    std::string text = "namespaces\n" + describe_namespaces(spec.linux_) + "mounts\n";
    auto const steps = oci::plan_mounts(spec, TRY(HostPath::parse("/bundle")));
    if (!steps) text += fmt::format("  refused: {}\n", steps.error().text());
    else
        for (auto const& step : steps.value()) text += fmt::format("  {}\n", oci::describe(step));
    text += "cgroup version 1\n" + describe_settings(spec.linux_.resources, oci::CgroupVersion::v1);
    text += "cgroup version 2\n" + describe_settings(spec.linux_.resources, oci::CgroupVersion::v2);
    return text;
}

} // namespace

TEST_CASE("documents become the plans that are written beside them") {
    auto const here = HostPath::parse(GOLDEN_DIRECTORY).value();
    auto names = list_directory(here);
    REQUIRE_OK(names);
    int documents = 0;
    for (auto const& name : names.value()) {
        if (!name.ends_with(".json")) continue;
        ++documents;
        auto const expected = here / (name.substr(0, name.size() - 5) + ".txt");
        auto const plan = plan_of(here / name);
        REQUIRE_OK(plan);
        if (std::getenv("BOLT_ACCEPT")) REQUIRE_OK(write_file(expected, plan.value(), 0644, Durability::none));
        auto const written = read_file(expected);
        REQUIRE_OK(written);
        INFO(name);
        CHECK(plan.value() == written.value());
    }
    CHECK(documents > 0);
}
