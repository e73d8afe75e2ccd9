#include "sys/scheduling.h"

#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"

namespace bolt {

namespace {

// struct sched_attr of the first version, in the kernel's layout: Debian 12's C library has none, and the kernel's own header stands
// against <sched.h>.
struct KernelAttributes {
    std::uint32_t size, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime, deadline, period;
};

// linux/ioprio.h is not C++.
constexpr int io_class_shift = 13, io_who_process = 1;

template <typename Number, std::size_t size>
Result<Number> find_name(std::pair<std::string_view, Number> const (&names)[size], std::string_view name, std::string_view what) {
    for (auto const& [known, number] : names)
        if (known == name) return number;
    return Error::of(EINVAL, "'{}' is not {}", name, what);
}

} // namespace

Result<std::uint32_t> parse_scheduler_policy(std::string_view name) {
    constexpr std::pair<std::string_view, std::uint32_t> names[] = {{"SCHED_OTHER", SCHED_OTHER}, {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR},
                                                                    {"SCHED_BATCH", SCHED_BATCH}, {"SCHED_ISO", 4},           {"SCHED_IDLE", SCHED_IDLE},
                                                                    {"SCHED_DEADLINE", SCHED_DEADLINE}};
    return find_name(names, name, "a scheduling policy");
}

Result<std::uint64_t> parse_scheduler_flag(std::string_view name) {
    constexpr std::pair<std::string_view, std::uint64_t> names[] = {
        {"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK}, {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
        {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},       {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
        {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},     {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
        {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX}};
    return find_name(names, name, "a scheduling flag");
}

Result<void> set_scheduler_of(pid_t pid, SchedulerAttributes const& attributes) {
    KernelAttributes const wanted{sizeof wanted,       attributes.policy,  attributes.flags,    attributes.nice,
                                  attributes.priority, attributes.runtime, attributes.deadline, attributes.period};
    if (syscall(SYS_sched_setattr, pid, &wanted, 0) < 0) return Error::from_errno("set the scheduling policy");
    return {};
}

Result<int> parse_io_priority(std::string_view io_class, int priority) {
    constexpr std::pair<std::string_view, int> names[] = {{"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}};
    return TRY(find_name(names, io_class, "an I/O scheduling class")) << io_class_shift | priority;
}

Result<void> set_io_priority_of(pid_t pid, int priority) {
    if (syscall(SYS_ioprio_set, io_who_process, pid, priority) < 0) return Error::from_errno("set the I/O priority");
    return {};
}

Result<std::vector<std::uint64_t>> parse_number_list(std::string_view text, unsigned limit) {
    std::vector<std::uint64_t> mask;
    for (auto const part : split(text, ',')) {
        auto const [from, to, is_range] = cut(trim(part), '-');
        auto const first = TRY(parse_unsigned(from)), last = is_range ? TRY(parse_unsigned(to)) : first;
        if (last >= limit || first > last) return Error::of(EINVAL, "'{}' is not a list of numbers below {}", text, limit);
        mask.resize(std::max<std::size_t>(mask.size(), last / 64 + 1));
        for (auto number = first; number <= last; ++number) mask[number / 64] |= std::uint64_t{1} << number % 64;
    }
    return mask;
}

Result<void> set_cpu_affinity(std::vector<std::uint64_t> const& cpus) {
    if (syscall(SYS_sched_setaffinity, 0, cpus.size() * sizeof cpus[0], cpus.data()) < 0) return Error::from_errno("set the CPU affinity");
    return {};
}

namespace {
constexpr std::pair<std::string_view, int> policy_modes[] = {
    {"MPOL_DEFAULT", MPOL_DEFAULT}, {"MPOL_PREFERRED", MPOL_PREFERRED},           {"MPOL_BIND", MPOL_BIND},       {"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
    {"MPOL_LOCAL", MPOL_LOCAL},     {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY}, {"MPOL_WEIGHTED_INTERLEAVE", 6}};
constexpr std::pair<std::string_view, int> policy_flags[] = {
    {"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES}, {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES}, {"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING}};

std::vector<std::string> names_in(auto const& table) {
    std::vector<std::string> names;
    for (auto const& [name, value] : table) names.emplace_back(name);
    return names;
}
} // namespace

std::vector<std::string> memory_policy_modes() { return names_in(policy_modes); }
std::vector<std::string> memory_policy_flags() { return names_in(policy_flags); }

Result<int> parse_memory_policy(std::string_view mode, std::vector<std::string> const& flags) {
    int number = TRY(find_name(policy_modes, mode, "a memory policy"));
    for (auto const& flag : flags) number |= TRY(find_name(policy_flags, flag, "a flag of memory policies"));
    return number;
}

Result<void> set_memory_policy(int mode, std::vector<std::uint64_t> const& nodes) {
    // The kernel counts one bit less than it is told.
    if (syscall(SYS_set_mempolicy, mode, nodes.empty() ? nullptr : nodes.data(), nodes.empty() ? 0 : nodes.size() * 64 + 1) < 0)
        return Error::from_errno("set the memory policy");
    return {};
}

} // namespace bolt
