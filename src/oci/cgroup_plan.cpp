#include "oci/cgroup_plan.h"

#include <algorithm>

#include "base/text.h"

namespace bolt::oci {

CgroupVersion CgroupTrees::version_of(std::string_view controller) const {
    return std::ranges::find(unified_controllers, controller) != unified_controllers.end() ? CgroupVersion::v2 : version;
}

namespace {

std::string limit_text(std::int64_t value) { return value < 0 ? "max" : fmt::format("{}", value); }
std::string plain(std::int64_t value) { return fmt::format("{}", value); }

// systemd's and runc's conversion of cpu.shares [2, 262144] to cpu.weight [1, 10000].
std::int64_t weight_of_shares(std::int64_t shares) { return shares == 0 ? 0 : 1 + ((std::clamp<std::int64_t>(shares, 2, 262144) - 2) * 9999) / 262142; }
// The same for blkio's [10, 1000] and io.weight's [1, 10000].
std::int64_t weight_of_blkio(std::int64_t weight) { return 1 + ((std::clamp<std::int64_t>(weight, 10, 1000) - 10) * 9999) / 990; }

struct Plan {
    CgroupTrees const& trees;
    std::vector<CgroupSetting> settings;

    bool is_v2(std::string_view controller) const { return trees.version_of(controller) == CgroupVersion::v2; }
    // A file's name is "" where that version does not have it.
    Result<void> add(std::string_view controller, std::string_view field, std::string_view v1_file, std::string v1_value, std::string_view v2_file, std::string v2_value) {
        bool const v2 = is_v2(controller);
        auto const file = v2 ? v2_file : v1_file;
        if (file.empty()) return Error::of(ENOTSUP, "resources.{}: cgroup v{} has no such setting", field, v2 ? 2 : 1);
        settings.push_back({.version = v2 ? CgroupVersion::v2 : CgroupVersion::v1,
                            .controller = std::string(controller),
                            .file = std::string(file),
                            .value = v2 ? std::move(v2_value) : std::move(v1_value),
                            .field = std::string(field)});
        return {};
    }
};

// Engines write 0 for what nobody asked for, as runc takes it.
template <typename Number>
bool is_asked(std::optional<Number> const& value) {
    return value.value_or(0) != 0;
}

Result<void> plan_swap(Plan& plan, spec::Resources::Memory const& memory) {
    auto const swap = *memory.swap;
    // v1 counts memory and swap together, and so does the specification; v2 counts swap alone.
    if (!plan.is_v2("memory")) return plan.add("memory", "memory.swap", "memory.memsw.limit_in_bytes", plain(swap), "", "");
    // On a host without swap there is no file, and none and no limit hold anyway.
    if (swap < 0 || swap == memory.limit) {
        TRY(plan.add("memory", "memory.swap", "", "", "memory.swap.max", swap < 0 ? "max" : "0"));
        plan.settings.back().only_if_there = true;
        return {};
    }
    if (memory.limit.value_or(-1) < 0) return Error::of(EINVAL, "resources.memory.swap needs memory.limit");
    if (swap < *memory.limit) return Error::of(EINVAL, "resources.memory.swap is less than memory.limit, which it includes");
    return plan.add("memory", "memory.swap", "", "", "memory.swap.max", plain(swap - *memory.limit));
}

Result<void> plan_memory(Plan& plan, spec::Resources::Memory const& memory) {
    constexpr std::string_view tree = "memory";
    if (is_asked(memory.limit)) TRY(plan.add(tree, "memory.limit", "memory.limit_in_bytes", plain(*memory.limit), "memory.max", limit_text(*memory.limit)));
    if (is_asked(memory.reservation)) TRY(plan.add(tree, "memory.reservation", "memory.soft_limit_in_bytes", plain(*memory.reservation), "memory.low", limit_text(*memory.reservation)));
    if (is_asked(memory.swap)) TRY(plan_swap(plan, memory));
    if (is_asked(memory.kernel)) TRY(plan.add(tree, "memory.kernel", "memory.kmem.limit_in_bytes", plain(*memory.kernel), "", ""));
    if (is_asked(memory.kernel_tcp)) TRY(plan.add(tree, "memory.kernelTCP", "memory.kmem.tcp.limit_in_bytes", plain(*memory.kernel_tcp), "", ""));
    if (memory.swappiness && *memory.swappiness > 100) return Error::of(ERANGE, "memory.swappiness: {} is more than 100", *memory.swappiness);
    if (memory.swappiness) TRY(plan.add(tree, "memory.swappiness", "memory.swappiness", fmt::format("{}", *memory.swappiness), "", ""));
    if (memory.disable_oom_killer.value_or(false)) TRY(plan.add(tree, "memory.disableOOMKiller", "memory.oom_control", "1", "", ""));
    return {};
}

Result<void> plan_cpu_time(Plan& plan, spec::Resources::Cpu const& cpu) {
    if (plan.is_v2("cpu")) {
        auto const quota = is_asked(cpu.quota) ? *cpu.quota : -1, period = is_asked(cpu.period) ? *cpu.period : 100'000;
        if (is_asked(cpu.quota) || is_asked(cpu.period)) TRY(plan.add("cpu", "cpu.quota", "", "", "cpu.max", fmt::format("{} {}", limit_text(quota), period)));
    } else {
        if (is_asked(cpu.period)) TRY(plan.add("cpu", "cpu.period", "cpu.cfs_period_us", plain(*cpu.period), "", ""));
        if (is_asked(cpu.quota)) TRY(plan.add("cpu", "cpu.quota", "cpu.cfs_quota_us", plain(*cpu.quota), "", ""));
    }
    // What may be saved up is bounded by the quota: after it.
    if (cpu.burst) TRY(plan.add("cpu", "cpu.burst", "cpu.cfs_burst_us", plain(*cpu.burst), "cpu.max.burst", plain(*cpu.burst)));
    return {};
}

Result<void> plan_cpu(Plan& plan, spec::Resources::Cpu const& cpu) {
    // Version 1's kernel would take the nearest in silence; version 2's weight has a meaning for every number.
    if (is_asked(cpu.shares) && !plan.is_v2("cpu") && (*cpu.shares < 2 || *cpu.shares > 262144)) return Error::of(ERANGE, "resources.cpu.shares: {} is not between 2 and 262144", *cpu.shares);
    if (is_asked(cpu.shares)) TRY(plan.add("cpu", "cpu.shares", "cpu.shares", plain(*cpu.shares), "cpu.weight", plain(weight_of_shares(*cpu.shares))));
    TRY(plan_cpu_time(plan, cpu));
    if (is_asked(cpu.realtime_period)) TRY(plan.add("cpu", "cpu.realtimePeriod", "cpu.rt_period_us", plain(*cpu.realtime_period), "", ""));
    if (is_asked(cpu.realtime_runtime)) TRY(plan.add("cpu", "cpu.realtimeRuntime", "cpu.rt_runtime_us", plain(*cpu.realtime_runtime), "", ""));
    if (cpu.idle) TRY(plan.add("cpu", "cpu.idle", "cpu.idle", plain(*cpu.idle), "cpu.idle", plain(*cpu.idle)));
    if (!cpu.cpus.empty()) TRY(plan.add("cpuset", "cpu.cpus", "cpuset.cpus", cpu.cpus, "cpuset.cpus", cpu.cpus));
    if (!cpu.mems.empty()) TRY(plan.add("cpuset", "cpu.mems", "cpuset.mems", cpu.mems, "cpuset.mems", cpu.mems));
    return {};
}

std::string_view block_controller(Plan const& plan) { return plan.is_v2("io") && plan.is_v2("blkio") ? "io" : "blkio"; }

// Weights exist only where a scheduler for them does: BFQ's file first, then the others'.
Result<void> plan_weights(Plan& plan, spec::Resources::BlockIo const& io) {
    auto const controller = block_controller(plan);
    if (is_asked(io.weight)) {
        TRY(plan.add(controller, "blockIO.weight", "blkio.weight", fmt::format("{}", *io.weight), "io.bfq.weight", fmt::format("{}", *io.weight)));
        plan.settings.back().other_file = plan.is_v2(controller) ? "io.weight" : "blkio.bfq.weight";
        plan.settings.back().other_value = plan.is_v2(controller) ? fmt::format("default {}", weight_of_blkio(*io.weight)) : plan.settings.back().value;
    }
    if (is_asked(io.leaf_weight)) TRY(plan.add(controller, "blockIO.leafWeight", "blkio.leaf_weight", fmt::format("{}", *io.leaf_weight), "", ""));
    for (auto const& device : io.weight_device) {
        auto const text = [&](std::int64_t weight) { return fmt::format("{}:{} {}", device.major, device.minor, weight); };
        if (is_asked(device.weight)) {
            TRY(plan.add(controller, "blockIO.weightDevice", "blkio.weight_device", text(*device.weight), "io.bfq.weight", text(*device.weight)));
            plan.settings.back().other_file = plan.is_v2(controller) ? "io.weight" : "blkio.bfq.weight_device";
            plan.settings.back().other_value = plan.is_v2(controller) ? text(weight_of_blkio(*device.weight)) : plan.settings.back().value;
        }
        if (is_asked(device.leaf_weight)) TRY(plan.add(controller, "blockIO.weightDevice", "blkio.leaf_weight_device", text(*device.leaf_weight), "", ""));
    }
    return {};
}

Result<void> plan_throttle(Plan& plan, std::vector<spec::Resources::BlockDevice> const& devices, std::string_view field, std::string_view v1_file, std::string_view key) {
    for (auto const& device : devices) {
        auto const number = fmt::format("{}:{}", device.major, device.minor);
        // 0 takes the limit away.
        auto const v2_rate = device.rate == 0 ? std::string("max") : fmt::format("{}", device.rate);
        TRY(plan.add(block_controller(plan), field, v1_file, fmt::format("{} {}", number, device.rate), "io.max", fmt::format("{} {}={}", number, key, v2_rate)));
    }
    return {};
}

Result<void> plan_block_io(Plan& plan, spec::Resources::BlockIo const& io) {
    TRY(plan_weights(plan, io));
    TRY(plan_throttle(plan, io.throttle_read_bps, "blockIO.throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"));
    TRY(plan_throttle(plan, io.throttle_write_bps, "blockIO.throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps"));
    TRY(plan_throttle(plan, io.throttle_read_iops, "blockIO.throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops"));
    return plan_throttle(plan, io.throttle_write_iops, "blockIO.throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops");
}

Result<void> plan_hugepages(Plan& plan, std::vector<spec::Resources::HugepageLimit> const& limits) {
    for (auto const& limit : limits) {
        auto const value = fmt::format("{}", limit.limit);
        TRY(plan.add("hugetlb", "hugepageLimits", fmt::format("hugetlb.{}.limit_in_bytes", limit.page_size), value, fmt::format("hugetlb.{}.max", limit.page_size), value));
        // Pages that are only reserved count apart (Linux 5.7).
        TRY(plan.add("hugetlb", "hugepageLimits", fmt::format("hugetlb.{}.rsvd.limit_in_bytes", limit.page_size), value, fmt::format("hugetlb.{}.rsvd.max", limit.page_size), value));
        plan.settings.back().only_if_there = true;
    }
    return {};
}

Result<void> plan_rdma(Plan& plan, std::vector<spec::Resources::Rdma> const& limits) {
    for (auto const& limit : limits) {
        auto text = limit.device;
        if (limit.hca_handles) text += fmt::format(" hca_handle={}", *limit.hca_handles);
        if (limit.hca_objects) text += fmt::format(" hca_object={}", *limit.hca_objects);
        TRY(plan.add("rdma", "rdma", "rdma.max", text, "rdma.max", text));
    }
    return {};
}

Result<void> plan_network(Plan& plan, spec::Resources::Network const& network) {
    if (network.class_id) TRY(plan.add("net_cls", "network.classID", "net_cls.classid", fmt::format("{}", *network.class_id), "", ""));
    for (auto const& [name, priority] : network.priorities) TRY(plan.add("net_prio", "network.priorities", "net_prio.ifpriomap", fmt::format("{} {}", name, priority), "", ""));
    return {};
}

// Rules apply in order; what every container needs stays allowed after a general denial, as in runc.
std::vector<spec::DeviceRule> effective_rules(std::vector<spec::DeviceRule> const& rules) {
    auto all = rules;
    bool const denied_all = std::any_of(rules.begin(), rules.end(), [](auto const& rule) { return !rule.allow && rule.type == 'a' && !rule.major && !rule.minor; });
    if (!denied_all) return all;
    auto const allow = [&](char type, std::optional<std::int64_t> major, std::optional<std::int64_t> minor, std::string_view access) {
        all.push_back({true, type, major, minor, std::string(access)});
    };
    for (char const type : {'c', 'b'}) allow(type, {}, {}, "m");
    for (int const minor : {3, 5, 7, 8, 9}) allow('c', 1, minor, "rwm"); // null, zero, full, random, urandom
    for (int const minor : {0, 1, 2}) allow('c', 5, minor, "rwm");       // tty, console, ptmx
    allow('c', 136, {}, "rwm");                                          // pts
    allow('c', 10, 200, "rwm");                                          // tun
    return all;
}

// v1's devices controller takes rules as text.
Result<void> plan_devices(Plan& plan, std::vector<spec::DeviceRule> const& rules) {
    if (plan.is_v2("devices")) return {};
    auto const number = [](std::optional<std::int64_t> n) { return n ? fmt::format("{}", *n) : std::string("*"); };
    for (auto const& rule : effective_rules(rules)) {
        auto text = fmt::format("{} {}:{} {}", rule.type, number(rule.major), number(rule.minor), rule.access);
        TRY(plan.add("devices", "devices", rule.allow ? "devices.allow" : "devices.deny", std::move(text), "", ""));
    }
    return {};
}

Result<void> plan_unified(Plan& plan, std::vector<std::pair<std::string, std::string>> const& files) {
    for (auto const& [file, value] : files) {
        if (file.find('/') != file.npos || file.find('.') == file.npos) return Error::of(EINVAL, "resources.unified: '{}' is not a cgroup file", file);
        std::string const controller(cut(file, '.').before);
        if (!plan.is_v2(controller)) return Error::of(ENOTSUP, "resources.unified: this host has no unified cgroup v2 tree with the controller '{}'", controller);
        plan.settings.push_back({.controller = controller, .file = file, .value = value, .field = fmt::format("unified.{}", file)});
    }
    return {};
}

bool is_about_all(spec::DeviceRule const& rule) { return rule.type == 'a' && !rule.major && !rule.minor; }

} // namespace

bool are_open(std::vector<spec::DeviceRule> const& rules) { return std::ranges::none_of(rules, is_about_all); }

Result<std::vector<CgroupSetting>> plan_cgroup(spec::Resources const& resources, CgroupTrees const& trees) {
    Plan plan{trees, {}};
    TRY(plan_devices(plan, resources.devices));
    TRY(plan_memory(plan, resources.memory));
    TRY(plan_cpu(plan, resources.cpu));
    if (resources.pids_limit) { // 0 is a limit
        auto const limit = limit_text(*resources.pids_limit);
        TRY(plan.add("pids", "pids.limit", "pids.max", limit, "pids.max", limit));
    }
    TRY(plan_block_io(plan, resources.block_io));
    TRY(plan_hugepages(plan, resources.hugepage_limits));
    TRY(plan_rdma(plan, resources.rdma));
    TRY(plan_network(plan, resources.network));
    TRY(plan_unified(plan, resources.unified));
    return std::move(plan.settings);
}

std::vector<DeviceFilterRule> plan_device_filter(std::vector<spec::DeviceRule> const& rules) {
    std::vector<DeviceFilterRule> rows;
    for (auto const& rule : effective_rules(rules)) {
        DeviceFilterRule row{.allow = rule.allow, .major = rule.major.value_or(-1), .minor = rule.minor.value_or(-1), .access = 0};
        row.kind = rule.type == 'b' ? DeviceFilterRule::Kind::block : rule.type == 'c' ? DeviceFilterRule::Kind::character : DeviceFilterRule::Kind::any;
        constexpr std::string_view letters = "mrw";
        for (char const letter : rule.access) row.access |= 1U << letters.find(letter);
        if (row.access == 0) continue;
        // "r" and "w" of one device are "rw", as on version 1, where an open(2) for both asks for both.
        bool const is_same = !rows.empty() && rows.back().allow == row.allow && rows.back().kind == row.kind && rows.back().major == row.major && rows.back().minor == row.minor;
        if (is_same) rows.back().access |= row.access;
        else rows.push_back(row);
    }
    return rows;
}

} // namespace bolt::oci
