#include <algorithm>
#include <array>

#include "spec/fields.h"
#include "spec/runtime_parts.h"

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

} // namespace

Result<std::vector<IdMapping>> parse_mappings(Json const& json, std::string_view key) {
    std::vector<IdMapping> mappings;
    for (auto const& entry : *TRY(elements(json, key))) {
        TRY(require(entry, {"containerID", "hostID", "size"}).while_doing("{}", key));
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

namespace {

// The kernel's have 12 and 20 bits (linux/kdev_t.h).
Result<std::int64_t> device_number(Json const& json, std::string_view key, std::int64_t most) {
    auto const number = TRY(json.integer_or(key, 0));
    if (number < 0 || number > most) return Error::of(EINVAL, "{} {} is not between 0 and {}", key, number, most);
    return number;
}

Result<Device> parse_device(Json const& json) {
    Device device;
    device.path = TRY(required_string(json, "path").while_doing("devices"));
    device.type = TRY(parse_device_type(json, "bcup", ""));
    if (device.type != 'p') TRY(require(json, {"major", "minor"}).while_doing("device '{}'", device.path));
    device.major = TRY(device_number(json, "major", 0xfff).while_doing("device '{}'", device.path));
    device.minor = TRY(device_number(json, "minor", 0xfffff).while_doing("device '{}'", device.path));
    device.file_mode = TRY(find_bounded<mode_t>(json, "fileMode"));
    device.uid = TRY(id(json, "uid"));
    device.gid = TRY(id(json, "gid"));
    return device;
}

Result<std::optional<TimeOffset>> parse_time_offset(Json const& json, std::string_view clock) {
    if (!json.find(clock)) return std::optional<TimeOffset>();
    auto const& entry = *TRY(object(json, clock));
    TimeOffset offset;
    offset.seconds = TRY(entry.integer_or("secs", 0));
    offset.nanoseconds = TRY(bounded<std::uint32_t>(entry, "nanosecs", 0));
    if (offset.nanoseconds > 999'999'999) return Error::of(EINVAL, "field 'nanosecs' of {} is a second or more", clock);
    return std::optional(offset);
}

Result<Personality> parse_personality(Json const& json) {
    Personality personality;
    personality.domain = TRY(required_string(json, "domain"));
    personality.flags = TRY(json.strings("flags"));
    return personality;
}

Result<MemoryPolicy> parse_memory_policy(Json const& json) {
    MemoryPolicy policy;
    policy.mode = TRY(required_string(json, "mode"));
    policy.nodes = TRY(json.string_or("nodes", ""));
    policy.flags = TRY(json.strings("flags"));
    return policy;
}

} // namespace

namespace {

// A name that the kernel takes for an interface: netdevice(7).
bool is_interface_name(std::string_view name) {
    constexpr std::size_t longest = 15;
    return !name.empty() && name.size() <= longest && name != "." && name != ".." && name.find_first_of("/: \t\n\v\f\r") == name.npos;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_net_devices(Json const& json) {
    std::vector<std::pair<std::string, std::string>> devices;
    for (auto const& [name, entry] : *TRY(object(json, "netDevices"))->find_object()) {
        auto own = TRY(entry.string_or("name", ""));
        if (own.empty()) own = name;
        for (auto const& text : {name, own})
            if (!is_interface_name(text)) return Error::of(EINVAL, "netDevices: '{}' is not the name of a network interface", text);
        for (auto const& [other, taken] : devices)
            if (taken == own && own.find("%d") == own.npos) return Error::of(EINVAL, "netDevices: '{}' and '{}' cannot both be '{}' in the container", other, name, own);
        devices.emplace_back(name, std::move(own));
    }
    return devices;
}

Result<std::string> one_line(Json const& json, std::string_view key, std::string_view beginning) {
    auto line = TRY(json.string_or(key, ""));
    if (line.find('\n') != line.npos) return Error::of(EINVAL, "field '{}' is more than one line", key);
    if (!line.empty() && !beginning.empty() && !line.starts_with(beginning)) return Error::of(EINVAL, "field '{}' does not begin with '{}'", key, beginning);
    return line;
}

Result<IntelRdt> parse_intel_rdt(Json const& json) {
    IntelRdt rdt;
    rdt.clos_id = TRY(json.string_or("closID", ""));
    if (rdt.clos_id != "/" && (rdt.clos_id == "." || rdt.clos_id == ".." || rdt.clos_id.find_first_of("/\n") != std::string::npos))
        return Error::of(EINVAL, "closID: '{}' is not the name of a class", rdt.clos_id);
    rdt.l3_cache_schema = TRY(one_line(json, "l3CacheSchema", ""));
    rdt.mem_bw_schema = TRY(one_line(json, "memBwSchema", "MB:"));
    rdt.schemata = TRY(json.strings("schemata"));
    for (auto const& line : rdt.schemata)
        if (line.find('\n') != line.npos) return Error::of(EINVAL, "schemata: an element is more than one line");
    if (rdt.clos_id == "/" && rdt.has_schemata()) return Error::of(EINVAL, "closID '/' is the whole host's class: schemata cannot be given for it");
    // Two names that the specification had until 1.2.
    for (std::string_view const name : {"enableMonitoring", "enableCMT", "enableMBM"}) rdt.enable_monitoring |= TRY(json.bool_or(name, false));
    return rdt;
}

} // namespace

Result<Linux> parse_linux(Json const& json) {
    Linux parsed;
    parsed.namespaces = TRY(parse_namespaces(json));
    parsed.uid_mappings = TRY(parse_mappings(json, "uidMappings"));
    parsed.gid_mappings = TRY(parse_mappings(json, "gidMappings"));
    auto const& offsets = *TRY(object(json, "timeOffsets"));
    for (auto const& [clock, offset] : offsets.find_object() ? *offsets.find_object() : Json::Object{})
        if (clock != "monotonic" && clock != "boottime") return Error::of(EINVAL, "timeOffsets: '{}' is no clock that has an offset; there are monotonic and boottime", clock);
    parsed.monotonic_offset = TRY(parse_time_offset(offsets, "monotonic").while_doing("timeOffsets"));
    parsed.boottime_offset = TRY(parse_time_offset(offsets, "boottime").while_doing("timeOffsets"));
    for (auto const& device : *TRY(elements(json, "devices"))) parsed.devices.push_back(TRY(parse_device(device)));
    parsed.cgroups_path = TRY(json.string_or("cgroupsPath", ""));
    parsed.resources = TRY(parse_resources(*TRY(object(json, "resources"))).while_doing("resources"));
    parsed.rootfs_propagation = TRY(json.string_or("rootfsPropagation", ""));
    if (auto const* const seccomp = json.find("seccomp")) parsed.seccomp = TRY(parse_seccomp(*seccomp).while_doing("seccomp"));
    parsed.sysctl = TRY(json.string_map("sysctl"));
    parsed.masked_paths = TRY(absolute_paths(json, "maskedPaths"));
    parsed.readonly_paths = TRY(absolute_paths(json, "readonlyPaths"));
    parsed.mount_label = TRY(json.string_or("mountLabel", ""));
    parsed.net_devices = TRY(parse_net_devices(json));
    if (auto const* const personality = json.find("personality"); personality && !is_empty(*personality)) parsed.personality = TRY(parse_personality(*personality).while_doing("personality"));
    if (auto const* const policy = json.find("memoryPolicy"); policy && !is_empty(*policy)) parsed.memory_policy = TRY(parse_memory_policy(*policy).while_doing("memoryPolicy"));
    if (json.find("intelRdt")) parsed.intel_rdt = TRY(parse_intel_rdt(*TRY(object(json, "intelRdt"))).while_doing("intelRdt"));
    return parsed;
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

bool Linux::makes(NamespaceType type) const {
    auto const* const entry = find(type);
    return entry && entry->path.empty();
}

} // namespace bolt::spec
