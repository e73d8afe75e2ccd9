#include "engine/seccomp_profile.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace bolt::engine {

namespace {

// Calls that act on the caller's own files, memory, processes, time and sockets. Names that an architecture lacks do no harm.
constexpr std::string_view allowed[] = {
    // files and directories
    "access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 fadvise64_64 fallocate fchdir "
    "fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 "
    "futimesat getcwd getdents getdents64 ioctl lchown lchown32 link linkat listmount _llseek lseek lstat lstat64 mkdir mkdirat mknod mknodat "
    "name_to_handle_at newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv rename "
    "renameat renameat2 rmdir sendfile sendfile64 splice stat stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range "
    "sync_file_range2 arm_sync_file_range arm_fadvise64_64 syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes "
    "vmsplice write writev",
    "fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr lremovexattr lsetxattr removexattr "
    "removexattrat setxattr setxattrat",
    "file_getattr file_setattr",
    "fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch",
    // waiting and asynchronous input and output
    "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 _newselect pipe pipe2 poll "
    "ppoll ppoll_time64 pselect6 pselect6_time64 select io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit",
    // memory
    "brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap mseal msync "
    "munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease remap_file_pages cacheflush",
    // processes, threads and their scheduling
    "arch_prctl arm_set_tls breakpoint capget capset execve execveat exit exit_group fork vfork get_robust_list get_thread_area getcpu getegid getegid32 "
    "geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getresgid getresgid32 getresuid getresuid32 "
    "getrlimit getrusage getsid gettid getuid getuid32 ioprio_get ioprio_set modify_ldt pause pidfd_open prctl prlimit64 restart_syscall rseq "
    "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval "
    "sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield set_robust_list set_thread_area "
    "set_tid_address set_tls setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setpgid setpriority setregid setregid32 "
    "setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setuid setuid32 times ugetrlimit uname usr26 usr32 wait4 waitid "
    "waitpid ptrace process_vm_readv process_vm_writev riscv_flush_icache riscv_hwprobe uretprobe",
    // sandboxes of the program's own
    "landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp",
    "futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake",
    // signals
    "kill pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 "
    "rt_tgsigqueueinfo sigaction sigaltstack signal signalfd signalfd4 sigpending sigprocmask sigreturn sigsuspend tgkill tkill",
    // time
    "adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 "
    "getitimer gettimeofday nanosleep setitimer time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime "
    "timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64",
    // sockets; socket(2) itself stands below
    "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto "
    "setsockopt shutdown socketcall socketpair",
    // System V and POSIX messages, semaphores, shared memory
    "ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd "
    "semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget",
    "getrandom sysinfo",
};

// Opened by a capability, refused without it.
struct Gate {
    std::string_view capability, names;
};
constexpr Gate gates[] = {
    {"CAP_DAC_READ_SEARCH", "open_by_handle_at"},
    {"CAP_SYS_ADMIN", "bpf fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree open_tree_attr "
                      "perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare"},
    {"CAP_BPF", "bpf"},
    {"CAP_PERFMON", "perf_event_open"},
    {"CAP_SYSLOG", "syslog"},
    {"CAP_SYS_BOOT", "reboot"},
    {"CAP_SYS_CHROOT", "chroot"},
    {"CAP_SYS_MODULE", "delete_module finit_module init_module"},
    {"CAP_SYS_NICE", "get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node"},
    {"CAP_SYS_PACCT", "acct"},
    {"CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"},
    {"CAP_SYS_RAWIO", "iopl ioperm"},
    {"CAP_SYS_TIME", "clock_settime clock_settime64 settimeofday stime"},
    {"CAP_SYS_TTY_CONFIG", "vhangup"},
};

// No capability opens these: keyrings are not separated by namespaces, io_uring and userfaultfd were the way out of many
// sandboxes, the rest is the host's own business or long obsolete.
constexpr std::string_view refused =
    "add_key keyctl request_key io_uring_enter io_uring_register io_uring_setup userfaultfd kexec_file_load kexec_load pivot_root swapoff swapon nfsservctl "
    "_sysctl sysfs uselib ustat vm86 vm86old afs_syscall create_module get_kernel_syms query_module getpmsg putpmsg security tuxcall vserver";

constexpr std::string_view allow = "SCMP_ACT_ALLOW", fail = "SCMP_ACT_ERRNO";
constexpr int no_such_call = 38, not_permitted = 1; // errno's numbers, the same on every architecture that bolt is built for

struct Condition {
    std::string_view operation;
    std::uint64_t value, second_value;
};

Json rule(std::vector<std::string> const& names, std::string_view action, int error = 0, std::optional<Condition> const& first_argument = std::nullopt) {
    Json document;
    document.set("names", names).set("action", action);
    if (action == fail) document.set("errnoRet", error);
    if (!first_argument) return document;
    Json argument;
    argument.set("index", 0).set("value", first_argument->value).set("valueTwo", first_argument->second_value).set("op", first_argument->operation);
    document.set("args", Json().push(std::move(argument)));
    return document;
}

void add_words(std::set<std::string, std::less<>>& names, std::string_view words) {
    for (auto const word : split(words, ' ')) names.emplace(word);
}

Condition bits_are(std::uint64_t mask, std::uint64_t value) { return {"SCMP_CMP_MASKED_EQ", mask, value}; }

// clone(2) may make processes and threads, but no namespace; clone3(2)'s flags stand in memory, where a filter cannot see
// them, so callers are sent to clone(2).
void add_clone(Json& rules, bool may_make_namespaces) {
    if (may_make_namespaces) {
        rules.push(rule({"clone", "clone3"}, allow));
        return;
    }
    // CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
    constexpr std::uint64_t namespaces = 0x7e02'0000;
    rules.push(rule({"clone"}, allow, 0, bits_are(namespaces, 0)));
    for (std::uint64_t bit = 1; bit <= namespaces; bit <<= 1)
        if ((namespaces & bit) != 0) rules.push(rule({"clone"}, fail, not_permitted, bits_are(bit, bit)));
    rules.push(rule({"clone3"}, fail, no_such_call));
}

// personality(2): Linux and 32-bit Linux, with or without a 2.6 version number, and asking. Not the bits that weaken the
// address space's layout.
void add_personality(Json& rules) {
    for (std::uint64_t const value : {0x0ULL, 0x8ULL, 0x2'0000ULL, 0x2'0008ULL, 0xffff'ffffULL})
        rules.push(rule({"personality"}, allow, 0, Condition{"SCMP_CMP_EQ", value, 0}));
    constexpr std::uint64_t asking = 0x8000'0000; // only 0xffffffff has it
    for (std::uint64_t bit = 0x4'0000; bit <= 0x400'0000; bit <<= 1) rules.push(rule({"personality"}, fail, not_permitted, bits_are(asking | bit, bit)));
}

// AF_VSOCK reaches the host and other guests of a virtual machine past every network namespace.
void add_socket(Json& rules) {
    constexpr std::uint64_t vsock = 40;
    rules.push(rule({"socket"}, allow, 0, Condition{"SCMP_CMP_NE", vsock, 0}));
    rules.push(rule({"socket"}, fail, not_permitted, Condition{"SCMP_CMP_EQ", vsock, 0}));
}

Json architectures() {
#if defined(__x86_64__)
    // Not x32, which Debian's kernels do not run: a third of the program, which is checked and translated at every start.
    return std::vector<std::string>{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"};
#elif defined(__aarch64__)
    return std::vector<std::string>{"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#elif defined(__riscv)
    return std::vector<std::string>{"SCMP_ARCH_RISCV64"};
#else
#error "name this architecture for seccomp"
#endif
}

} // namespace

Json seccomp_document(std::vector<std::string> const& capabilities) {
    auto const has = [&](std::string_view name) { return std::ranges::find(capabilities, name) != capabilities.end(); };
    std::set<std::string, std::less<>> open, closed;
    for (auto const words : allowed) add_words(open, words);
    for (auto const& gate : gates) add_words(has(gate.capability) ? open : closed, gate.names);
    add_words(closed, refused);
    std::vector<std::string> shut;
    std::ranges::set_difference(closed, open, std::back_inserter(shut));
    Json rules;
    rules.push(rule({open.begin(), open.end()}, allow)).push(rule(shut, fail, not_permitted));
    add_clone(rules, has("CAP_SYS_ADMIN"));
    add_personality(rules);
    add_socket(rules);
    Json document;
    document.set("defaultAction", fail).set("defaultErrnoRet", no_such_call).set("architectures", architectures()).set("syscalls", std::move(rules));
    return document;
}

} // namespace bolt::engine
