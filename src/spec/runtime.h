// config.json of the OCI runtime specification 1.2, as plain structs. Names are the specification's, in our spelling.
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

struct Process {
    bool terminal = false;
    std::optional<ConsoleSize> console_size;
    User user;
    std::vector<std::string> args, env;
    std::string cwd = "/";
    std::optional<Capabilities> capabilities; // absent: what the caller has
    std::vector<Rlimit> rlimits;
    bool no_new_privileges = false;
    std::optional<int> oom_score_adj;
    std::string apparmor_profile, selinux_label;
};

struct Mount {
    std::string destination, type, source;
    std::vector<std::string> options;
};

enum class NamespaceType { pid, network, mount, ipc, uts, user, cgroup, time };
std::string_view to_text(NamespaceType type); // "pid", "network", …
struct Namespace {
    NamespaceType type;
    std::string path; // "" for a new one
};

struct IdMapping {
    std::uint32_t container_id = 0, host_id = 0, size = 0;
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
        std::optional<std::int64_t> limit, reservation, swap;
        std::optional<bool> disable_oom_killer;
    } memory;
    struct Cpu {
        std::optional<std::int64_t> shares, quota, period;
        std::string cpus, mems;
    } cpu;
    std::optional<std::int64_t> pids_limit;
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

    Namespace const* find(NamespaceType type) const;
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

// What `bolt-oci spec` writes: a container that runs sh, as root or for an ordinary user.
enum class ExampleFor { root, ordinary_user };
Json example_runtime(ExampleFor whom, uid_t uid, gid_t gid);

} // namespace bolt::spec
