// config.json of the OCI runtime specification 1.3, as plain structs. Names are the specification's, in our spelling.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/json.h"
#include "base/result.h"

namespace bolt::spec {

struct User {
    uid_t uid = 0;
    gid_t gid = 0;
    std::optional<mode_t> umask;
    std::vector<gid_t> additional_gids;
};

// Names as config.json has them: "CAP_NET_ADMIN".
struct Capabilities {
    std::vector<std::string> bounding, effective, inheritable, permitted, ambient;
};

struct Rlimit {
    std::string type; // "RLIMIT_NOFILE"
    std::uint64_t soft = 0, hard = 0;
};

struct ConsoleSize {
    unsigned short height = 0, width = 0;
};

// sched_setattr(2). Names as config.json has them: "SCHED_BATCH", "SCHED_FLAG_RESET_ON_FORK". Times in nanoseconds.
struct Scheduler {
    std::string policy;
    std::int32_t nice = 0, priority = 0;
    std::vector<std::string> flags;
    std::uint64_t runtime = 0, deadline = 0, period = 0;
};

// ioprio_set(2): "IOPRIO_CLASS_BE" and 0 (first) … 7.
struct IoPriority {
    std::string io_class;
    std::int32_t priority = 0;
};

// Lists of CPUs ("0-3,7") for exec: before and after the process is in the container's cgroup. "": left alone.
struct CpuAffinity {
    std::string initial, final;
};

struct Process {
    bool terminal = false;
    std::optional<ConsoleSize> console_size;
    User user;
    std::vector<std::string> args, env;
    std::string cwd = "/";
    std::optional<Capabilities> capabilities; // absent: none
    std::vector<Rlimit> rlimits;
    bool no_new_privileges = false;
    std::optional<int> oom_score_adj;
    std::string apparmor_profile, selinux_label;
    std::optional<Scheduler> scheduler;
    std::optional<IoPriority> io_priority;
    CpuAffinity exec_cpu_affinity;
};

struct IdMapping {
    std::uint32_t container_id = 0, host_id = 0, size = 0;
};

struct Mount {
    std::string destination, type, source;
    std::vector<std::string> options;
    std::vector<IdMapping> uid_mappings, gid_mappings;
};

enum class NamespaceType { pid, network, mount, ipc, uts, user, cgroup, time };
std::string_view to_text(NamespaceType type); // "pid", "network", …
struct Namespace {
    NamespaceType type;
    std::string path; // "" for a new one
};

struct Device {
    std::string path;
    char type = 'c'; // b, c, u, p
    std::int64_t major = 0, minor = 0;
    std::optional<mode_t> file_mode;
    uid_t uid = 0;
    gid_t gid = 0;
};

struct DeviceRule {
    bool allow = false;
    char type = 'a';
    std::optional<std::int64_t> major, minor; // absent: all
    std::string access = "rwm";
};

struct Hook {
    std::string path;
    std::vector<std::string> args, env;
    std::optional<int> timeout; // seconds
};
struct Hooks {
    std::vector<Hook> prestart, create_runtime, create_container, start_container, poststart, poststop;
};

// linux.resources. Absent members set nothing. Sizes in bytes, times in microseconds, -1: no limit.
struct Resources {
    std::vector<DeviceRule> devices;
    struct Memory {
        std::optional<std::int64_t> limit, reservation, swap, kernel, kernel_tcp;
        std::optional<std::uint64_t> swappiness; // percent
        std::optional<bool> disable_oom_killer;
        bool check_before_update = false; // a limit below what is used is refused
        bool limits_anything() const;
    } memory;
    struct Cpu {
        std::optional<std::int64_t> shares, quota, period, burst, realtime_runtime, realtime_period, idle;
        std::string cpus, mems;
        bool limits_anything() const;
    } cpu;
    std::optional<std::int64_t> pids_limit;
    struct BlockDevice {
        std::int64_t major = 0, minor = 0;
        std::optional<std::uint16_t> weight, leaf_weight;
        std::uint64_t rate = 0; // bytes or operations a second
    };
    struct BlockIo {
        std::optional<std::uint16_t> weight, leaf_weight; // 10 … 1000
        std::vector<BlockDevice> weight_device, throttle_read_bps, throttle_write_bps, throttle_read_iops, throttle_write_iops;
        bool limits_anything() const;
    } block_io;
    struct HugepageLimit {
        std::string page_size; // "2MB"
        std::uint64_t limit = 0;
    };
    std::vector<HugepageLimit> hugepage_limits;
    struct Rdma {
        std::string device;
        std::optional<std::uint32_t> hca_handles, hca_objects;
    };
    std::vector<Rdma> rdma;
    struct Network {
        std::optional<std::uint32_t> class_id;
        std::vector<std::pair<std::string, std::uint32_t>> priorities; // {interface, priority}
    } network;
    std::vector<std::pair<std::string, std::string>> unified;
    bool limits_anything() const;
};

struct SeccompArgument {
    unsigned index = 0;
    std::uint64_t value = 0, value_two = 0;
    std::string op;
};
struct SeccompRule {
    std::vector<std::string> names;
    std::string action;
    std::optional<unsigned> errno_return;
    std::vector<SeccompArgument> args;
};
struct Seccomp {
    std::string default_action;
    std::optional<unsigned> default_errno_return;
    std::vector<std::string> architectures, flags;
    std::vector<SeccompRule> syscalls;
    std::string listener_path, listener_metadata; // who answers SCMP_ACT_NOTIFY
};

// personality(2): "LINUX" or "LINUX32".
struct Personality {
    std::string domain;
    std::vector<std::string> flags;
};

// Of a new time namespace. time_namespaces(7).
struct TimeOffset {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;
};

// set_mempolicy(2): "MPOL_INTERLEAVE", a list of nodes, "MPOL_F_STATIC_NODES".
struct MemoryPolicy {
    std::string mode, nodes;
    std::vector<std::string> flags;
};

// resctrl(4) of the kernel's documentation: cache and memory bandwidth by class of service.
struct IntelRdt {
    std::string clos_id; // "": a class of the container's own; "/": the default class
    std::string l3_cache_schema, mem_bw_schema;
    std::vector<std::string> schemata;
    bool enable_monitoring = false;
    bool has_schemata() const { return !l3_cache_schema.empty() || !mem_bw_schema.empty() || !schemata.empty(); }
};

struct Linux {
    std::vector<Namespace> namespaces;
    std::vector<IdMapping> uid_mappings, gid_mappings;
    std::vector<Device> devices;
    std::string cgroups_path;
    Resources resources;
    std::string rootfs_propagation;
    std::optional<Seccomp> seccomp;
    std::vector<std::pair<std::string, std::string>> sysctl;
    std::vector<std::string> masked_paths, readonly_paths;
    std::string mount_label;
    std::optional<Personality> personality;
    std::optional<TimeOffset> monotonic_offset, boottime_offset;
    std::optional<MemoryPolicy> memory_policy;
    std::optional<IntelRdt> intel_rdt;
    std::vector<std::pair<std::string, std::string>> net_devices; // {the host's name, the container's}

    Namespace const* find(NamespaceType type) const;
    bool makes(NamespaceType type) const; // a new one, which is the container's own
};

struct Runtime {
    std::string oci_version;
    std::optional<Process> process;
    std::string root_path; // "" when there is no root object
    bool root_readonly = false;
    std::string hostname, domainname;
    std::vector<Mount> mounts;
    Hooks hooks;
    Linux linux_;
    std::vector<std::pair<std::string, std::string>> annotations;
};

// EINVAL names the field that is missing, has another type or asks for what is not there; ENOTSUP names one that bolt does not
// do. What a document holds beyond the specification is passed over, as the specification says.
Result<Runtime> parse_runtime(Json const& document);
// The process object alone: `exec --process FILE`.
Result<Process> parse_process(Json const& document);
// linux.resources alone: `update --resources FILE`.
Result<Resources> parse_resources(Json const& document);

// What `bolt-oci spec` writes: a container that runs sh, as root or for an ordinary user.
enum class ExampleFor { root, ordinary_user };
Json example_runtime(ExampleFor whom, uid_t uid, gid_t gid);

} // namespace bolt::spec
