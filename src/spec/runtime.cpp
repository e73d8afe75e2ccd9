#include "spec/runtime.h"

#include <algorithm>
#include <cstdlib>

#include <array>

namespace bolt::spec {

namespace {

constexpr std::array<std::pair<std::string_view, NamespaceType>, 8> namespace_names{{
    {"pid", NamespaceType::pid},
    {"network", NamespaceType::network},
    {"mount", NamespaceType::mount},
    {"ipc", NamespaceType::ipc},
    {"uts", NamespaceType::uts},
    {"user", NamespaceType::user},
    {"cgroup", NamespaceType::cgroup},
    {"time", NamespaceType::time},
}};

// The member's elements; none when it is absent.
Result<Json::Array const*> elements(Json const& json, std::string_view key) {
    static Json::Array const none;
    auto const* const member = json.find(key);
    if (!member) return &none;
    if (auto const* const array = member->find_array()) return array;
    return Error::of(EINVAL, "field '{}' is {}, not an array", key, member->kind());
}

// The member as an object; an empty one when it is absent.
Result<Json const*> object(Json const& json, std::string_view key) {
    static Json const none = Json::object();
    auto const* const member = json.find(key);
    if (!member) return &none;
    if (member->find_object()) return member;
    return Error::of(EINVAL, "field '{}' is {}, not an object", key, member->kind());
}

Result<std::string> required_string(Json const& json, std::string_view key) {
    auto text = TRY(json.find_string(key));
    if (!text || text->empty()) return Error::of(EINVAL, "field '{}' is missing", key);
    return std::move(*text);
}

template <typename Number>
Result<Number> bounded(Json const& json, std::string_view key, Number fallback) {
    auto const number = TRY(json.integer_or(key, static_cast<std::int64_t>(fallback)));
    if (number < static_cast<std::int64_t>(std::numeric_limits<Number>::min()) ||
        (sizeof(Number) < 8 && number > static_cast<std::int64_t>(std::numeric_limits<Number>::max())))
        return Error::of(ERANGE, "field '{}': {} is out of range", key, number);
    return static_cast<Number>(number);
}

template <typename Number>
Result<std::optional<Number>> find_bounded(Json const& json, std::string_view key) {
    if (!json.find(key)) return std::optional<Number>();
    return std::optional<Number>(TRY(bounded<Number>(json, key, 0)));
}

Result<User> parse_user(Json const& json) {
    User user;
    user.uid = TRY(bounded<uid_t>(json, "uid", 0));
    user.gid = TRY(bounded<gid_t>(json, "gid", 0));
    user.umask = TRY(find_bounded<mode_t>(json, "umask"));
    for (auto const& gid : *TRY(elements(json, "additionalGids"))) {
        auto const* const number = gid.find_integer();
        if (!number || *number < 0 || *number > 0xffff'fffe) return Error::of(EINVAL, "field 'additionalGids' holds what is not a group id");
        user.additional_gids.push_back(static_cast<gid_t>(*number));
    }
    return user;
}

Result<Capabilities> parse_capabilities(Json const& json) {
    Capabilities sets;
    sets.bounding = TRY(json.strings("bounding"));
    sets.effective = TRY(json.strings("effective"));
    sets.inheritable = TRY(json.strings("inheritable"));
    sets.permitted = TRY(json.strings("permitted"));
    sets.ambient = TRY(json.strings("ambient"));
    return sets;
}

// Engines write out whole structures: an empty one asks for nothing.
bool is_empty(Json const& value) {
    if (auto const* const list = value.find_array()) return list->empty();
    auto const* const members = value.find_object();
    return members && std::ranges::all_of(*members, [](auto const& member) { return member.second.is_null() || is_empty(member.second); });
}

// Fields of the specification that this runtime does not do: asking for one is refused, never passed over.
Result<void> refuse(Json const& json, std::initializer_list<std::string_view> fields) {
    for (auto const field : fields)
        if (auto const* const asked = json.find(field); asked && !is_empty(*asked)) return Error::of(ENOTSUP, "field '{}' is not supported by this version of bolt", field);
    return {};
}

Result<Rlimit> parse_rlimit(Json const& json) {
    Rlimit limit;
    limit.type = TRY(required_string(json, "type"));
    for (auto const key : {"soft", "hard"})
        if (!json.find(key)) return Error::of(EINVAL, "field '{}' of {} is missing", key, limit.type);
    limit.soft = TRY(json.unsigned_or("soft", 0));
    limit.hard = TRY(json.unsigned_or("hard", 0));
    return limit;
}

} // namespace

Result<Process> parse_process(Json const& json) {
    Process process;
    TRY(refuse(json, {"scheduler", "ioPriority", "execCPUAffinity"}));
    process.terminal = TRY(json.bool_or("terminal", false));
    if (auto const* const size = json.find("consoleSize")) {
        ConsoleSize wanted;
        wanted.height = TRY(bounded<unsigned short>(*size, "height", 0));
        wanted.width = TRY(bounded<unsigned short>(*size, "width", 0));
        process.console_size = wanted;
    }
    process.user = TRY(parse_user(*TRY(object(json, "user"))).while_doing("user"));
    process.args = TRY(json.strings("args"));
    if (process.args.empty()) return Error::of(EINVAL, "field 'args' is missing or empty: there is nothing to run");
    process.env = TRY(json.strings("env"));
    process.cwd = TRY(required_string(json, "cwd"));
    if (process.cwd[0] != '/') return Error::of(EINVAL, "field 'cwd': '{}' is not an absolute path", process.cwd);
    if (auto const* const sets = json.find("capabilities")) process.capabilities = TRY(parse_capabilities(*sets).while_doing("capabilities"));
    for (auto const& variable : process.env)
        if (variable.find('=') == variable.npos || variable.starts_with('=')) return Error::of(EINVAL, "field 'env': '{}' is not NAME=VALUE", variable);
    for (auto const& element : *TRY(elements(json, "rlimits"))) {
        auto limit = TRY(parse_rlimit(element).while_doing("rlimits"));
        if (std::ranges::find(process.rlimits, limit.type, &Rlimit::type) != process.rlimits.end()) return Error::of(EINVAL, "field 'rlimits': {} is there twice", limit.type);
        process.rlimits.push_back(std::move(limit));
    }
    process.no_new_privileges = TRY(json.bool_or("noNewPrivileges", false));
    process.oom_score_adj = TRY(find_bounded<int>(json, "oomScoreAdj"));
    if (process.oom_score_adj && std::abs(*process.oom_score_adj) > 1000) return Error::of(EINVAL, "field 'oomScoreAdj' is {}, not between -1000 and 1000", *process.oom_score_adj);
    process.apparmor_profile = TRY(json.string_or("apparmorProfile", ""));
    process.selinux_label = TRY(json.string_or("selinuxLabel", ""));
    return process;
}

namespace {

Result<Mount> parse_mount(Json const& json) {
    Mount mount;
    mount.destination = TRY(required_string(json, "destination"));
    mount.type = TRY(json.string_or("type", ""));
    mount.source = TRY(json.string_or("source", ""));
    mount.options = TRY(json.strings("options"));
    TRY(refuse(json, {"uidMappings", "gidMappings"}));
    return mount;
}

Result<std::vector<Hook>> parse_hooks(Json const& json, std::string_view key) {
    std::vector<Hook> hooks;
    for (auto const& entry : *TRY(elements(json, key))) {
        Hook hook;
        hook.path = TRY(required_string(entry, "path").while_doing("hooks.{}", key));
        if (hook.path[0] != '/') return Error::of(EINVAL, "hooks.{}: '{}' is not an absolute path", key, hook.path);
        hook.args = TRY(entry.strings("args"));
        hook.env = TRY(entry.strings("env"));
        hook.timeout = TRY(find_bounded<int>(entry, "timeout"));
        if (hook.timeout && *hook.timeout <= 0) return Error::of(EINVAL, "hooks.{}: a timeout must be greater than zero", key);
        hooks.push_back(std::move(hook));
    }
    return hooks;
}

Result<std::vector<Namespace>> parse_namespaces(Json const& json) {
    std::vector<Namespace> namespaces;
    for (auto const& entry : *TRY(elements(json, "namespaces"))) {
        auto const name = TRY(required_string(entry, "type").while_doing("namespaces"));
        auto const* const known = std::find_if(namespace_names.begin(), namespace_names.end(), [&](auto const& n) { return n.first == name; });
        if (known == namespace_names.end()) return Error::of(EINVAL, "namespaces: '{}' is not a type of namespace", name);
        for (auto const& before : namespaces)
            if (before.type == known->second) return Error::of(EINVAL, "namespaces: '{}' is listed twice", name);
        auto path = TRY(entry.string_or("path", ""));
        if (!path.empty() && path[0] != '/') return Error::of(EINVAL, "namespaces: the path of '{}' is not absolute", name);
        namespaces.push_back({known->second, std::move(path)});
    }
    return namespaces;
}

Result<std::vector<IdMapping>> parse_mappings(Json const& json, std::string_view key) {
    std::vector<IdMapping> mappings;
    for (auto const& entry : *TRY(elements(json, key))) {
        IdMapping mapping;
        mapping.container_id = TRY(bounded<std::uint32_t>(entry, "containerID", 0));
        mapping.host_id = TRY(bounded<std::uint32_t>(entry, "hostID", 0));
        mapping.size = TRY(bounded<std::uint32_t>(entry, "size", 0));
        mappings.push_back(mapping);
    }
    return mappings;
}

Result<char> parse_device_type(Json const& json, std::string_view allowed, std::string_view fallback) {
    auto const type = TRY(json.string_or("type", fallback));
    if (type.size() != 1 || allowed.find(type) == allowed.npos) return Error::of(EINVAL, "devices: '{}' is not a type of device", type);
    return type[0];
}

Result<Device> parse_device(Json const& json) {
    Device device;
    device.path = TRY(required_string(json, "path").while_doing("devices"));
    device.type = TRY(parse_device_type(json, "bcup", ""));
    device.major = TRY(json.integer_or("major", 0));
    device.minor = TRY(json.integer_or("minor", 0));
    device.file_mode = TRY(find_bounded<mode_t>(json, "fileMode"));
    device.uid = TRY(bounded<uid_t>(json, "uid", 0));
    device.gid = TRY(bounded<gid_t>(json, "gid", 0));
    return device;
}

Result<DeviceRule> parse_device_rule(Json const& json) {
    DeviceRule rule;
    rule.allow = TRY(json.bool_or("allow", false));
    rule.type = TRY(parse_device_type(json, "abc", "a"));
    rule.major = TRY(json.find_integer("major"));
    rule.minor = TRY(json.find_integer("minor"));
    // -1 is how older documents say "all".
    if (rule.major == -1) rule.major.reset();
    if (rule.minor == -1) rule.minor.reset();
    rule.access = TRY(json.string_or("access", "rwm"));
    if (rule.access.find_first_not_of("rwm") != rule.access.npos) return Error::of(EINVAL, "resources.devices: '{}' is not an access", rule.access);
    return rule;
}

// Limits are kept as they stand in the document, a negative one for none; plan_cgroup() says what they mean. A number beyond what
// int64 holds is refused.
Result<Resources> parse_resources(Json const& json) {
    Resources resources;
    TRY(refuse(json, {"blockIO", "hugepageLimits", "rdma", "network"}));
    for (auto const& rule : *TRY(elements(json, "devices"))) resources.devices.push_back(TRY(parse_device_rule(rule)));
    auto const& memory = *TRY(object(json, "memory"));
    TRY(refuse(memory, {"kernel", "kernelTCP", "swappiness"}).while_doing("memory"));
    resources.memory.limit = TRY(memory.find_integer("limit"));
    resources.memory.reservation = TRY(memory.find_integer("reservation"));
    resources.memory.swap = TRY(memory.find_integer("swap"));
    resources.memory.disable_oom_killer = TRY(memory.find_bool("disableOOMKiller"));
    auto const& cpu = *TRY(object(json, "cpu"));
    TRY(refuse(cpu, {"realtimeRuntime", "realtimePeriod", "burst", "idle"}).while_doing("cpu"));
    resources.cpu.shares = TRY(cpu.find_integer("shares"));
    resources.cpu.quota = TRY(cpu.find_integer("quota"));
    resources.cpu.period = TRY(cpu.find_integer("period"));
    resources.cpu.cpus = TRY(cpu.string_or("cpus", ""));
    resources.cpu.mems = TRY(cpu.string_or("mems", ""));
    resources.pids_limit = TRY((*TRY(object(json, "pids"))).find_integer("limit"));
    resources.unified = TRY(json.string_map("unified"));
    return resources;
}

Result<std::optional<unsigned>> find_errno(Json const& json, std::string_view key) { return find_bounded<unsigned>(json, key); }

Result<Seccomp> parse_seccomp(Json const& json) {
    Seccomp seccomp;
    TRY(refuse(json, {"listenerPath", "listenerMetadata"}));
    seccomp.default_action = TRY(required_string(json, "defaultAction"));
    seccomp.default_errno_return = TRY(find_errno(json, "defaultErrnoRet"));
    seccomp.architectures = TRY(json.strings("architectures"));
    seccomp.flags = TRY(json.strings("flags"));
    for (auto const& entry : *TRY(elements(json, "syscalls"))) {
        SeccompRule rule;
        rule.names = TRY(entry.strings("names"));
        rule.action = TRY(required_string(entry, "action"));
        rule.errno_return = TRY(find_errno(entry, "errnoRet"));
        for (auto const& argument : *TRY(elements(entry, "args"))) {
            SeccompArgument parsed;
            parsed.index = TRY(bounded<unsigned>(argument, "index", 0));
            parsed.value = TRY(argument.unsigned_or("value", 0));
            parsed.value_two = TRY(argument.unsigned_or("valueTwo", 0));
            parsed.op = TRY(required_string(argument, "op"));
            rule.args.push_back(std::move(parsed));
        }
        seccomp.syscalls.push_back(std::move(rule));
    }
    return seccomp;
}

Result<Linux> parse_linux(Json const& json) {
    Linux parsed;
    TRY(refuse(json, {"intelRdt", "personality", "netDevices", "memoryPolicy"}));
    parsed.namespaces = TRY(parse_namespaces(json));
    parsed.uid_mappings = TRY(parse_mappings(json, "uidMappings"));
    parsed.gid_mappings = TRY(parse_mappings(json, "gidMappings"));
    if (json.find("timeOffsets")) TRY(refuse(json, {"timeOffsets"}));
    for (auto const& device : *TRY(elements(json, "devices"))) parsed.devices.push_back(TRY(parse_device(device)));
    parsed.cgroups_path = TRY(json.string_or("cgroupsPath", ""));
    parsed.resources = TRY(parse_resources(*TRY(object(json, "resources"))).while_doing("resources"));
    parsed.rootfs_propagation = TRY(json.string_or("rootfsPropagation", ""));
    if (auto const* const seccomp = json.find("seccomp")) parsed.seccomp = TRY(parse_seccomp(*seccomp).while_doing("seccomp"));
    parsed.sysctl = TRY(json.string_map("sysctl"));
    parsed.masked_paths = TRY(json.strings("maskedPaths"));
    parsed.readonly_paths = TRY(json.strings("readonlyPaths"));
    parsed.mount_label = TRY(json.string_or("mountLabel", ""));
    return parsed;
}

Result<void> check(Runtime const& spec) {
    bool const new_user_namespace = spec.linux_.find(NamespaceType::user) && spec.linux_.find(NamespaceType::user)->path.empty();
    if (new_user_namespace && (spec.linux_.uid_mappings.empty() || spec.linux_.gid_mappings.empty()))
        return Error::of(EINVAL, "linux: a new user namespace needs 'uidMappings' and 'gidMappings'");
    if (!spec.linux_.find(NamespaceType::mount)) return Error::of(ENOTSUP, "linux.namespaces: a container without a mount namespace is not supported");
    if (!spec.hostname.empty() && !spec.linux_.find(NamespaceType::uts)) return Error::of(EINVAL, "field 'hostname' needs a uts namespace");
    if (!spec.domainname.empty() && !spec.linux_.find(NamespaceType::uts)) return Error::of(EINVAL, "field 'domainname' needs a uts namespace");
    if (!spec.linux_.mount_label.empty()) return Error::of(ENOTSUP, "field 'linux.mountLabel' is not supported by this version of bolt");
    return {};
}

} // namespace

Result<Runtime> parse_runtime(Json const& json) {
    Runtime spec;
    spec.oci_version = TRY(required_string(json, "ociVersion"));
    if (!spec.oci_version.starts_with("1.")) return Error::of(ENOTSUP, "field 'ociVersion': version {} is not 1.x", spec.oci_version);
    TRY(refuse(json, {"vm", "windows", "solaris", "zos"}));
    if (auto const* const process = json.find("process")) spec.process = TRY(parse_process(*process).while_doing("process"));
    if (json.find("root")) {
        auto const& root = *TRY(object(json, "root"));
        spec.root_path = TRY(required_string(root, "path").while_doing("root"));
        spec.root_readonly = TRY(root.bool_or("readonly", false));
    }
    spec.hostname = TRY(json.string_or("hostname", ""));
    spec.domainname = TRY(json.string_or("domainname", ""));
    for (auto const& mount : *TRY(elements(json, "mounts"))) spec.mounts.push_back(TRY(parse_mount(mount).while_doing("mounts")));
    auto const& hooks = *TRY(object(json, "hooks"));
    spec.hooks.prestart = TRY(parse_hooks(hooks, "prestart"));
    spec.hooks.create_runtime = TRY(parse_hooks(hooks, "createRuntime"));
    spec.hooks.create_container = TRY(parse_hooks(hooks, "createContainer"));
    spec.hooks.start_container = TRY(parse_hooks(hooks, "startContainer"));
    spec.hooks.poststart = TRY(parse_hooks(hooks, "poststart"));
    spec.hooks.poststop = TRY(parse_hooks(hooks, "poststop"));
    spec.linux_ = TRY(parse_linux(*TRY(object(json, "linux"))).while_doing("linux"));
    spec.annotations = TRY(json.string_map("annotations"));
    TRY(check(spec));
    return spec;
}

std::string_view to_text(NamespaceType type) {
    for (auto const& [name, known] : namespace_names)
        if (known == type) return name;
    return "unknown";
}

Namespace const* Linux::find(NamespaceType type) const {
    for (auto const& entry : namespaces)
        if (entry.type == type) return &entry;
    return nullptr;
}

bool Resources::limits_anything() const {
    return memory.limit || memory.reservation || memory.swap || cpu.shares || cpu.quota || cpu.period || !cpu.cpus.empty() || !cpu.mems.empty() ||
           pids_limit || !unified.empty();
}

} // namespace bolt::spec
