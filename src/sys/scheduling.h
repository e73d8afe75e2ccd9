// What share of the machine a process gets, and where: sched_setattr(2), ioprio_set(2), sched_setaffinity(2), set_mempolicy(2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace bolt {

// sched(7). Numbers as the kernel has them.
struct SchedulerAttributes {
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;                              // -20 … 19
    std::uint32_t priority = 0;                         // 1 … 99 for SCHED_FIFO and SCHED_RR
    std::uint64_t runtime = 0, deadline = 0, period = 0; // nanoseconds, for SCHED_DEADLINE
};
// "SCHED_BATCH", "SCHED_FLAG_RESET_ON_FORK"; EINVAL names a text that is none.
Result<std::uint32_t> parse_scheduler_policy(std::string_view name);
Result<std::uint64_t> parse_scheduler_flag(std::string_view name);
// 0 is the calling process. EPERM for what needs CAP_SYS_NICE.
Result<void> set_scheduler_of(pid_t pid, SchedulerAttributes const& attributes);

// "IOPRIO_CLASS_BE" and 0 … 7 as one number; EINVAL names a text that is no class.
Result<int> parse_io_priority(std::string_view io_class, int priority);
Result<void> set_io_priority_of(pid_t pid, int priority);

// "0-3,7" as a mask, bit N % 64 of word N / 64; EINVAL for what is no list, or a number from `limit` on.
Result<std::vector<std::uint64_t>> parse_number_list(std::string_view text, unsigned limit);
// Of the calling process. EINVAL when none of the CPUs may be used.
Result<void> set_cpu_affinity(std::vector<std::uint64_t> const& cpus);

// NUMA: "MPOL_BIND" and its flags ("MPOL_F_STATIC_NODES") as one number; EINVAL names a text that is none.
// The names that parse_memory_policy() knows.
std::vector<std::string> memory_policy_modes();
std::vector<std::string> memory_policy_flags();
Result<int> parse_memory_policy(std::string_view mode, std::vector<std::string> const& flags);
// Of the calling process and what it will start.
Result<void> set_memory_policy(int mode, std::vector<std::uint64_t> const& nodes);

} // namespace bolt
