#include "spec/fields.h"
#include "spec/runtime_parts.h"

namespace bolt::spec {

namespace {

Result<DeviceRule> parse_device_rule(Json const& json) {
    DeviceRule rule;
    TRY(require(json, {"allow"}).while_doing("devices"));
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

Result<Resources::Memory> parse_memory(Json const& json) {
    Resources::Memory memory;
    memory.limit = TRY(json.find_integer("limit"));
    memory.reservation = TRY(json.find_integer("reservation"));
    memory.swap = TRY(json.find_integer("swap"));
    memory.kernel = TRY(json.find_integer("kernel"));
    memory.kernel_tcp = TRY(json.find_integer("kernelTCP"));
    memory.swappiness = TRY(find_bounded<std::uint64_t>(json, "swappiness"));
    memory.disable_oom_killer = TRY(json.find_bool("disableOOMKiller"));
    memory.check_before_update = TRY(json.bool_or("checkBeforeUpdate", false));
    return memory;
}

Result<Resources::Cpu> parse_cpu(Json const& json) {
    Resources::Cpu cpu;
    cpu.shares = TRY(json.find_integer("shares"));
    cpu.quota = TRY(json.find_integer("quota"));
    cpu.period = TRY(json.find_integer("period"));
    cpu.burst = TRY(json.find_integer("burst"));
    cpu.realtime_runtime = TRY(json.find_integer("realtimeRuntime"));
    cpu.realtime_period = TRY(json.find_integer("realtimePeriod"));
    cpu.idle = TRY(json.find_integer("idle"));
    cpu.cpus = TRY(json.string_or("cpus", ""));
    cpu.mems = TRY(json.string_or("mems", ""));
    return cpu;
}

// config-linux.md, Block IO; engines write 0 for none.
Result<std::optional<std::uint16_t>> weight(Json const& json, std::string_view key) {
    auto const wanted = TRY(find_bounded<std::uint16_t>(json, key));
    if (wanted && *wanted != 0 && (*wanted < 10 || *wanted > 1000)) return Error::of(EINVAL, "field '{}' is {}, not between 10 and 1000", key, *wanted);
    return wanted;
}

// "weight" stands for the two that a device may have a weight by.
Result<std::vector<Resources::BlockDevice>> parse_block_devices(Json const& json, std::string_view key, std::string_view asked) {
    std::vector<Resources::BlockDevice> devices;
    for (auto const& entry : *TRY(elements(json, key))) {
        Resources::BlockDevice device;
        TRY(require(entry, {"major", "minor"}).while_doing("{}", key));
        if (!(asked == "weight" && entry.find("leafWeight"))) TRY(require(entry, {asked}).while_doing("{}", key));
        device.major = TRY(entry.integer_or("major", 0));
        device.minor = TRY(entry.integer_or("minor", 0));
        device.weight = TRY(weight(entry, "weight"));
        device.leaf_weight = TRY(weight(entry, "leafWeight"));
        device.rate = TRY(entry.unsigned_or("rate", 0));
        devices.push_back(device);
    }
    return devices;
}

Result<Resources::BlockIo> parse_block_io(Json const& json) {
    Resources::BlockIo io;
    io.weight = TRY(weight(json, "weight"));
    io.leaf_weight = TRY(weight(json, "leafWeight"));
    io.weight_device = TRY(parse_block_devices(json, "weightDevice", "weight"));
    io.throttle_read_bps = TRY(parse_block_devices(json, "throttleReadBpsDevice", "rate"));
    io.throttle_write_bps = TRY(parse_block_devices(json, "throttleWriteBpsDevice", "rate"));
    io.throttle_read_iops = TRY(parse_block_devices(json, "throttleReadIOPSDevice", "rate"));
    io.throttle_write_iops = TRY(parse_block_devices(json, "throttleWriteIOPSDevice", "rate"));
    return io;
}

// "2MB": a number of kB, MB or GB, as in the names of the hugetlb controller's files.
Result<std::vector<Resources::HugepageLimit>> parse_hugepage_limits(Json const& json) {
    std::vector<Resources::HugepageLimit> limits;
    for (auto const& entry : *TRY(elements(json, "hugepageLimits"))) {
        auto size = TRY(required_string(entry, "pageSize"));
        auto const digits = size.find_first_not_of("0123456789");
        if (digits == 0 || digits == size.npos || (size.substr(digits) != "KB" && size.substr(digits) != "MB" && size.substr(digits) != "GB"))
            return Error::of(EINVAL, "'{}' is not the size of a page; write one such as 2MB", size);
        TRY(require(entry, {"limit"}));
        auto const limit = TRY(entry.unsigned_or("limit", 0));
        limits.push_back({std::move(size), limit});
    }
    return limits;
}

Result<std::vector<Resources::Rdma>> parse_rdma(Json const& json) {
    std::vector<Resources::Rdma> limits;
    for (auto const& [device, entry] : *TRY(object(json, "rdma"))->find_object()) {
        Resources::Rdma limit{.device = device, .hca_handles = {}, .hca_objects = {}};
        limit.hca_handles = TRY(find_bounded<std::uint32_t>(entry, "hcaHandles"));
        limit.hca_objects = TRY(find_bounded<std::uint32_t>(entry, "hcaObjects"));
        if (!limit.hca_handles && !limit.hca_objects) return Error::of(EINVAL, "device '{}' has neither 'hcaHandles' nor 'hcaObjects'", device);
        limits.push_back(std::move(limit));
    }
    return limits;
}

Result<Resources::Network> parse_network(Json const& json) {
    Resources::Network network;
    network.class_id = TRY(find_bounded<std::uint32_t>(json, "classID"));
    for (auto const& entry : *TRY(elements(json, "priorities"))) {
        TRY(require(entry, {"name", "priority"}).while_doing("priorities"));
        network.priorities.emplace_back(TRY(required_string(entry, "name")), TRY(bounded<std::uint32_t>(entry, "priority", 0)));
    }
    return network;
}

} // namespace

// Limits are kept as they stand in the document, a negative one for none; plan_cgroup() says what they mean. A number beyond what
// int64 holds is refused.
Result<Resources> parse_resources(Json const& json) {
    Resources resources;
    for (auto const& rule : *TRY(elements(json, "devices"))) resources.devices.push_back(TRY(parse_device_rule(rule)));
    resources.memory = TRY(parse_memory(*TRY(object(json, "memory"))).while_doing("memory"));
    resources.cpu = TRY(parse_cpu(*TRY(object(json, "cpu"))).while_doing("cpu"));
    resources.pids_limit = TRY((*TRY(object(json, "pids"))).find_integer("limit"));
    resources.block_io = TRY(parse_block_io(*TRY(object(json, "blockIO"))).while_doing("blockIO"));
    resources.hugepage_limits = TRY(parse_hugepage_limits(json).while_doing("hugepageLimits"));
    resources.rdma = TRY(parse_rdma(json).while_doing("rdma"));
    resources.network = TRY(parse_network(*TRY(object(json, "network"))).while_doing("network"));
    resources.unified = TRY(json.string_map("unified"));
    return resources;
}

namespace {
// Engines write 0 for what nobody asked for.
template <typename... Numbers>
bool any(std::optional<Numbers> const&... values) {
    return ((values.value_or(0) != 0) || ...);
}
} // namespace

bool Resources::Memory::limits_anything() const { return any(limit, reservation, swap, kernel, kernel_tcp) || swappiness || disable_oom_killer.value_or(false); }

bool Resources::Cpu::limits_anything() const {
    return any(shares, quota, period, realtime_runtime, realtime_period) || burst || idle || !cpus.empty() || !mems.empty();
}

bool Resources::BlockIo::limits_anything() const {
    return any(weight, leaf_weight) || !weight_device.empty() || !throttle_read_bps.empty() || !throttle_write_bps.empty() || !throttle_read_iops.empty() || !throttle_write_iops.empty();
}

bool Resources::limits_anything() const {
    return memory.limits_anything() || cpu.limits_anything() || pids_limit || block_io.limits_anything() || !hugepage_limits.empty() || !rdma.empty() || network.class_id ||
           !network.priorities.empty() || !unified.empty();
}

} // namespace bolt::spec
