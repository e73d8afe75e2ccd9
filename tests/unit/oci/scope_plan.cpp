#include "../../catch.h"

#include "oci/scope_plan.h"

using namespace bolt;

TEST_CASE("names of scopes") {
    auto const name = oci::parse_scope_name("machine.slice:libpod:abc", "abc", SystemdManager::system);
    REQUIRE_OK(name);
    CHECK(name.value().slice == "machine.slice");
    CHECK(name.value().unit == "libpod-abc.scope");
    CHECK(oci::parse_scope_name("", "abc", SystemdManager::system).value().unit == "bolt-abc.scope");
    CHECK(oci::parse_scope_name("", "abc", SystemdManager::user).value().slice == "user.slice");
    CHECK(oci::parse_scope_name("::abc", "x", SystemdManager::system).value().unit == "abc.scope");
    for (auto const* const wrong : {"/a/path", "a:b", "a.slice:b:", "notaslice:b:c", "a.slice:b/..:c", "a.slice:b:c:d"})
        CHECK(oci::parse_scope_name(wrong, "x", SystemdManager::system).error().is(EINVAL));
}

TEST_CASE("limits become properties, and outlive the way to the program that sets them") {
    spec::Resources resources;
    resources.memory.limit = 100;
    resources.memory.swap = 150;
    resources.cpu.quota = 33'333;
    resources.cpu.period = 100'000;
    resources.cpu.cpus = "0,9";
    resources.pids_limit = -1;
    auto const properties = oci::plan_scope(resources, oci::CgroupVersion::v2);
    REQUIRE_OK(properties);
    auto const document = Json::parse(oci::to_json(properties.value()).dump());
    REQUIRE_OK(document);
    auto const again = oci::parse_properties(document.value());
    REQUIRE_OK(again);
    CHECK(oci::to_json(again.value()) == oci::to_json(properties.value()));
    auto const find = [&](std::string_view name) -> UnitValue {
        for (auto const& property : again.value())
            if (property.name == name) return property.value;
        return false;
    };
    CHECK(find("MemoryMax") == UnitValue(std::uint64_t{100}));
    CHECK(find("MemorySwapMax") == UnitValue(std::uint64_t{50}));
    CHECK(find("CPUQuotaPerSecUSec") == UnitValue(std::uint64_t{340'000})); // up to the next ten milliseconds
    CHECK(find("TasksMax") == UnitValue(~std::uint64_t{0}));
    CHECK(find("AllowedCPUs") == UnitValue(std::vector<std::uint8_t>{1, 2, 0, 0, 0, 0, 0, 0}));
}

TEST_CASE("annotations are properties") {
    auto const properties = oci::properties_of_annotations({{"org.systemd.property.TimeoutStopSec", "5"}, {"org.systemd.property.CollectMode", "'inactive'"}, {"org.other", "x"}});
    REQUIRE_OK(properties);
    REQUIRE(properties.value().size() == 2);
    CHECK(properties.value()[0].name == "TimeoutStopUSec");
    CHECK(properties.value()[0].value == UnitValue(std::uint64_t{5'000'000}));
    CHECK(properties.value()[1].value == UnitValue(std::string("inactive")));
    CHECK(oci::properties_of_annotations({{"org.systemd.property.X", "unquoted"}}).error().is(EINVAL));
}
