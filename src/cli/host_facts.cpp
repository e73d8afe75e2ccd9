#include "cli/host_facts.h"

#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/text.h"
#include "oci/cgroups.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/user_namespace.h"

namespace bolt::cli {

namespace {

// A small file of the host; "" when it cannot be read.
std::string text_of(std::string_view path) {
    auto const parsed = HostPath::parse(path);
    auto const text = parsed ? read_file(parsed.value()) : Result<std::string>("");
    return text ? std::string(trim(text.value())) : std::string();
}

std::string operating_system() {
    auto const release = text_of("/etc/os-release");
    for (auto const line : split(release, '\n'))
        if (line.starts_with("PRETTY_NAME=")) {
            auto name = line.substr(12);
            if (name.size() > 1 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
            return std::string(name);
        }
    return "Linux";
}

Json user_namespace_facts(CallingUser const& user) {
    if (user.uid == 0) return Json().set("Mapping", "none needed for root");
    auto const mappings = mappings_of(user);
    if (!mappings) return Json().set("Problem", mappings.error().text());
    std::uint64_t count = 0;
    for (auto const& range : mappings.value().users) count += range.count;
    Json facts;
    facts.set("Mapping", fmt::format("{} ids of user '{}'", count, user.name));
    if (mappings.value().shortage) facts.set("Problem", *mappings.value().shortage);
    // Each of these forbids all of it, by a setting of the host's.
    if (text_of("/proc/sys/kernel/unprivileged_userns_clone") == "0")
        facts.set("Problem", "the kernel refuses user namespaces to ordinary users; as root: sysctl kernel.unprivileged_userns_clone=1");
    if (text_of("/proc/sys/user/max_user_namespaces") == "0") facts.set("Problem", "user.max_user_namespaces is 0; as root: sysctl user.max_user_namespaces=15000");
    return facts;
}

std::string filesystem_name(HostPath path) {
    struct statfs found {};
    while (statfs(path.c_str(), &found) < 0) {
        if (path.text() == "/") return "unknown";
        path = path.parent();
    }
    switch (static_cast<unsigned long>(found.f_type)) {
    case EXT4_SUPER_MAGIC: return "extfs";
    case XFS_SUPER_MAGIC: return "xfs";
    case BTRFS_SUPER_MAGIC: return "btrfs";
    case TMPFS_MAGIC: return "tmpfs";
    case OVERLAYFS_SUPER_MAGIC: return "overlayfs";
    case NFS_SUPER_MAGIC: return "nfs";
    default: return fmt::format("type 0x{:x}", static_cast<unsigned long>(found.f_type));
    }
}

// What an ordinary user may limit: the controllers that systemd delegates to the user's own service.
Json cgroup_facts(CallingUser const& user) {
    auto const version = oci::cgroup_version();
    Json facts;
    facts.set("Version", version == oci::CgroupVersion::v2 ? "2" : version == oci::CgroupVersion::v1 ? "1" : "none");
    if (version == oci::CgroupVersion::none) return facts.set("Limits", "none can be enforced: no control groups are mounted at /sys/fs/cgroup");
    if (user.uid == 0) {
        if (version == oci::CgroupVersion::v2) return facts.set("Limits", fmt::format("can be enforced ({})", text_of("/sys/fs/cgroup/cgroup.controllers")));
        bool const writable = access("/sys/fs/cgroup/memory", W_OK) == 0;
        return facts.set("Limits", writable ? "can be enforced (cgroup v1)" : "cannot be enforced: /sys/fs/cgroup is read-only or has no memory controller here");
    }
    if (version == oci::CgroupVersion::v1)
        return facts.set("Limits", "cannot be enforced for an ordinary user: that needs cgroup v2 alone (boot with systemd.unified_cgroup_hierarchy=1)");
    auto const service = fmt::format("/sys/fs/cgroup/user.slice/user-{0}.slice/user@{0}.service", user.uid);
    auto const delegated = text_of(service + "/cgroup.controllers");
    if (delegated.empty())
        return facts.set("Limits", fmt::format("cannot be enforced: there is no systemd of user '{}' that could delegate a control group (log in, or as root: loginctl enable-linger {})", user.name, user.name));
    return facts.set("Limits", fmt::format("can be enforced ({})", delegated));
}

std::string outbound_network() {
    auto const pasta = find_program("pasta");
    return pasta ? fmt::format("pasta ({})", pasta.value()) : "none: program 'pasta' is missing (install the package 'passt'); until then --network none or host";
}

std::string seccomp_fact() {
    auto const status = text_of("/proc/self/status");
    for (auto const line : split(status, '\n'))
        if (line.starts_with("Seccomp:")) return "builtin";
    return "none: this kernel has no seccomp, so containers are not started with a filter";
}

} // namespace

Result<Json> host_facts(engine::Installation const& here) {
    utsname system{};
    uname(&system);
    struct sysinfo memory {};
    (void)sysinfo(&memory); // cannot fail with a valid pointer
    bool const rootless = here.user.uid != 0;
    Json facts;
    facts.set("Rootless", rootless).set("User", here.user.name).set("UserNamespace", user_namespace_facts(here.user));
    facts.set("Driver", "overlay").set("DockerRootDir", here.layout.data.text()).set("RuntimeDir", here.layout.runtime.text());
    facts.set("BackingFilesystem", filesystem_name(here.layout.data)).set("Cgroups", cgroup_facts(here.user));
    facts.set("Networks", Json::Array{Json("none"), Json("host"), Json("pasta")}).set("Outbound", outbound_network());
    facts.set("Seccomp", seccomp_fact()).set("DefaultRuntime", "bolt").set("LoggingDriver", "k8s-file");
    facts.set("KernelVersion", system.release).set("OperatingSystem", operating_system()).set("OSType", "linux").set("Architecture", system.machine);
    facts.set("NCPU", sysconf(_SC_NPROCESSORS_ONLN)).set("MemTotal", static_cast<std::int64_t>(memory.totalram) * memory.mem_unit).set("Name", system.nodename);
    return facts;
}

} // namespace bolt::cli
