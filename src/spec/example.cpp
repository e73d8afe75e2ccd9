#include "spec/runtime.h"

namespace bolt::spec {

namespace {

Json mount_entry(std::string_view destination, std::string_view type, std::string_view source, std::vector<std::string> const& options) {
    return Json::object().set("destination", destination).set("type", type).set("source", source).set_unless_empty("options", options);
}

Json example_mounts(ExampleFor whom) {
    bool const root = whom == ExampleFor::root;
    Json mounts = Json::array();
    mounts.push(mount_entry("/proc", "proc", "proc", {}));
    mounts.push(mount_entry("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
    // Group 5, tty, is not mapped in a namespace of one id.
    std::vector<std::string> terminals{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
    if (root) terminals.emplace_back("gid=5");
    mounts.push(mount_entry("/dev/pts", "devpts", "devpts", terminals));
    mounts.push(mount_entry("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}));
    mounts.push(mount_entry("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
    if (root) {
        mounts.push(mount_entry("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}));
        mounts.push(mount_entry("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}));
    } else {
        mounts.push(mount_entry("/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}));
    }
    return mounts;
}

Json example_process() {
    std::vector<std::string> const capabilities{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
    return Json::object()
        .set("terminal", true)
        .set("user", Json::object().set("uid", 0).set("gid", 0))
        .set("args", std::vector<std::string>{"sh"})
        .set("env", std::vector<std::string>{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"})
        .set("cwd", "/")
        .set("capabilities", Json::object().set("bounding", capabilities).set("effective", capabilities).set("permitted", capabilities))
        .set("rlimits", Json::array().push(Json::object().set("type", "RLIMIT_NOFILE").set("hard", 1024).set("soft", 1024)))
        .set("noNewPrivileges", true);
}

} // namespace

Json example_runtime(ExampleFor whom, uid_t uid, gid_t gid) {
    bool const root = whom == ExampleFor::root;
    Json namespaces = Json::array();
    for (std::string_view const type : {"pid", "network", "ipc", "uts", "mount", "cgroup"})
        if (root || type != "network") namespaces.push(Json::object().set("type", type));
    Json linux_section = Json::object();
    if (root) {
        linux_section.set("resources", Json::object().set("devices", Json::array().push(Json::object().set("allow", false).set("access", "rwm"))));
    } else {
        namespaces.push(Json::object().set("type", "user"));
        auto const one = [](std::int64_t host) { return Json::array().push(Json::object().set("containerID", 0).set("hostID", host).set("size", 1)); };
        linux_section.set("uidMappings", one(uid)).set("gidMappings", one(gid));
    }
    linux_section.set("namespaces", std::move(namespaces))
        .set("maskedPaths", std::vector<std::string>{"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                                                     "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"})
        .set("readonlyPaths", std::vector<std::string>{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"});
    return Json::object()
        .set("ociVersion", "1.2.0")
        .set("process", example_process())
        .set("root", Json::object().set("path", "rootfs").set("readonly", true))
        .set("hostname", "bolt")
        .set("mounts", example_mounts(whom))
        .set("linux", std::move(linux_section));
}

} // namespace bolt::spec
