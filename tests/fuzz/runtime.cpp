// config.json up to the plans that are made of it, before anything is done: what a bundle from a stranger goes through.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "oci/cgroup_plan.h"
#include "oci/mount_plan.h"
#include "oci/namespace_plan.h"
#include "oci/scope_plan.h"
#include "oci/seccomp.h"
#include "spec/runtime.h"

namespace {

using namespace bolt;

void check_mounts(spec::Runtime const& spec) {
    auto const steps = oci::plan_mounts(spec, HostPath::parse("/bundle").value());
    if (!steps) return;
    for (auto const& step : steps.value()) {
        auto const* const bind = std::get_if<oci::BindMount>(&step);
        if (bind && bind->source[0] != '/') abort();
        (void)oci::describe(step);
    }
}

void plan(spec::Runtime const& spec) {
    check_mounts(spec);
    (void)oci::plan_namespaces(spec.linux_).ok();
    (void)oci::check_sysctls(spec.linux_).ok();
    auto const& resources = spec.linux_.resources;
    for (auto const version : {oci::CgroupVersion::v1, oci::CgroupVersion::v2}) {
        auto const settings = oci::plan_cgroup(resources, {version, {"hugetlb"}});
        // A name from the document is one file of the cgroup's directory, never another place.
        if (settings)
            for (auto const& setting : settings.value())
                if (setting.file.empty() || setting.file.find('/') != setting.file.npos || setting.file.starts_with("..")) abort();
        (void)oci::plan_scope(resources, version).ok();
    }
    (void)oci::plan_device_filter(resources.devices);
    (void)oci::properties_of_annotations(spec.annotations).ok();
    for (auto const manager : {SystemdManager::system, SystemdManager::user}) {
        auto const scope = oci::parse_scope_name(spec.linux_.cgroups_path, "id", manager);
        if (scope && (scope.value().unit.find('/') != std::string::npos || !scope.value().unit.ends_with(".scope"))) abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
    auto const document = Json::parse({reinterpret_cast<char const*>(bytes), size});
    if (!document) return 0;
    auto const spec = spec::parse_runtime(document.value());
    if (spec) plan(spec.value());
    (void)spec::parse_process(document.value()).ok();
    (void)spec::parse_resources(document.value()).ok();
    return 0;
}
