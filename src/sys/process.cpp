#include "sys/process.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"

namespace bolt {

namespace {
// Since Linux 5.4; glibc's headers and the kernel's define it differently.
constexpr auto by_pidfd = static_cast<idtype_t>(3);

ExitStatus status_of(siginfo_t const& ended) {
    if (ended.si_code == CLD_EXITED) return {.code = ended.si_status};
    return {.signal = ended.si_status, .core_dumped = ended.si_code == CLD_DUMPED};
}
} // namespace

std::string ExitStatus::text() const {
    return signal != 0 ? fmt::format("was killed by {}", signal_name(signal)) : fmt::format("exited with status {}", code);
}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        Process const ended(std::move(*this));
        pid_ = std::exchange(other.pid_, -1);
        pidfd_ = std::move(other.pidfd_);
    }
    return *this;
}

Process::~Process() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL); // our own unreaped child: the pid cannot have been reused
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Result<void> Process::kill(int signal) const {
    if (pid_ <= 0) return Error::of(ESRCH, "the process has ended");
    if (::kill(pid_, signal) < 0) return Error::from_errno("send {} to process {}", signal_name(signal), pid_);
    return {};
}

Result<ExitStatus> Process::wait() {
    siginfo_t ended{};
    while (waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | __WALL) < 0)
        if (errno != EINTR) return Error::from_errno("wait for process {}", pid_);
    pid_ = -1;
    return status_of(ended);
}

Result<std::optional<ExitStatus>> Process::find_exit() {
    siginfo_t ended{};
    if (waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | __WALL) < 0) return Error::from_errno("wait for process {}", pid_);
    if (ended.si_pid == 0) return std::optional<ExitStatus>();
    pid_ = -1;
    return std::optional(status_of(ended));
}

Result<Process> adopt_process(pid_t pid) {
    Process process(pid, UniqueFd());
    auto pidfd = TRY(open_pidfd(pid));
    return Process(process.release(), std::move(pidfd));
}

pid_t Process::release() {
    pidfd_.close();
    return std::exchange(pid_, -1);
}

namespace {

// Before Linux 5.3, and where seccomp answers ENOSYS so that a libc falls back. Retired when 5.7 is the oldest supported.
Result<Process> clone_without_clone3(CloneOptions const& options, std::function<int()> const& body) {
    if (options.cgroup.is_open()) return Error::from_code(ENOSYS, "start a process inside a cgroup");
    // Its flag is where clone(2) has the signal.
    if ((options.namespaces & CLONE_NEWTIME) != 0) return Error::of(ENOTSUP, "a time namespace cannot be made here: clone3(2) is missing");
    auto const flags = options.namespaces | CLONE_PIDFD | (options.parent_of_caller ? CLONE_PARENT : 0) | SIGCHLD;
    int pidfd = -1; // where the parent's thread id would go
    auto const pid = static_cast<pid_t>(syscall(SYS_clone, flags, nullptr, &pidfd, nullptr, nullptr));
    if (pid < 0) return Error::from_errno("clone a process");
    if (pid == 0) _exit(body());
    return Process(pid, UniqueFd(pidfd));
}

} // namespace

bool has_clone3() { return syscall(SYS_clone3, nullptr, 0) >= 0 || errno != ENOSYS; }

Result<Process> clone_process(CloneOptions const& options, std::function<int()> const& body) {
    int pidfd = -1;
    clone_args arguments{};
    arguments.flags = options.namespaces | CLONE_PIDFD | (options.parent_of_caller ? CLONE_PARENT : 0);
    arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
    arguments.exit_signal = options.parent_of_caller ? 0 : SIGCHLD;
    if (options.cgroup.is_open()) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = static_cast<std::uint64_t>(options.cgroup.number());
    }
    auto const pid = static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid < 0 && errno == ENOSYS) return clone_without_clone3(options, body);
    if (pid < 0) return Error::from_errno("clone a process");
    if (pid == 0) _exit(body());
    return Process(pid, UniqueFd(pidfd));
}

namespace {

std::vector<char*> pointers_of(std::vector<std::string> const& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (auto const& text : texts) pointers.push_back(const_cast<char*>(text.c_str())); // execve's signature; it does not write
    pointers.push_back(nullptr);
    return pointers;
}

// Situation:    a vfork child: the parent is stopped and shares this memory. Only async-signal-safe calls.
// Must:         lay out the descriptors, clear the signal state, exec; or leave errno in *failure and _exit.
[[noreturn]] void exec_in_child(char const* program, char** argv, char** envp, SpawnOptions const& options, std::span<int> moved, int volatile& failure) {
    reset_signals();
    if (options.dies_with_parent) prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (options.new_session) setsid();
    int const standard[] = {options.input.number(), options.output.number(), options.error.number()};
    // First out of the way of every target number, then onto the targets.
    int highest = 2;
    for (auto const& [ours, theirs] : options.inherited) highest = std::max(highest, theirs);
    std::size_t at = 0;
    for (int const fd : standard) moved[at++] = fcntl(fd, F_DUPFD_CLOEXEC, highest + 1);
    for (auto const& [ours, theirs] : options.inherited) moved[at++] = fcntl(ours, F_DUPFD_CLOEXEC, highest + 1);
    bool laid_out = true;
    for (int number = 0; number < 3; ++number) laid_out = laid_out && dup2(moved[static_cast<std::size_t>(number)], number) >= 0;
    at = 3;
    // What is not named stays behind; what is named loses close-on-exec by dup2.
    syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    for (auto const& [ours, theirs] : options.inherited) laid_out = laid_out && dup2(moved[at++], theirs) >= 0;
    if (laid_out && (!options.working_directory || chdir(options.working_directory->c_str()) == 0)) execve(program, argv, envp);
    failure = errno;
    _exit(127);
}

// A frame of its own: what a caller keeps in registers over a vfork may be clobbered.
[[gnu::noinline]] pid_t vfork_and_exec(char const* program, char** argv, char** envp, SpawnOptions const& options, std::span<int> moved,
                                       int volatile& failure) {
    pid_t const pid = vfork();
    if (pid == 0) exec_in_child(program, argv, envp, options, moved, failure);
    return pid;
}

} // namespace

Result<Process> spawn(HostPath const& program, SpawnOptions const& options) {
    auto argv = pointers_of(options.arguments);
    std::vector<char*> envp;
    if (options.environment) envp = pointers_of(*options.environment);
    std::vector<int> moved(3 + options.inherited.size());
    int volatile failure = 0;
    // Signals are held over the vfork, so that no handler of ours runs in the shared memory.
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t const pid = vfork_and_exec(program.c_str(), argv.data(), options.environment ? envp.data() : environ, options, moved, failure);
    int const vfork_failure = errno;
    sigprocmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) return Error::from_code(vfork_failure, fmt::format("start '{}'", program));
    if (failure != 0) {
        waitpid(pid, nullptr, 0);
        return Error::from_code(failure, fmt::format("start '{}'", program));
    }
    auto pidfd = open_pidfd(pid);
    return Process(pid, pidfd ? std::move(pidfd).value() : UniqueFd());
}

Result<HostPath> find_program(std::string_view name) {
    if (name.empty()) return Error::of(ENOENT, "a program's name is empty");
    if (name.find('/') != name.npos) return HostPath::absolute(name);
    char const* const set = getenv("PATH");
    for (auto const directory : split(set ? set : "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", ':')) {
        if (!directory.starts_with('/')) continue;
        auto const candidate = TRY(HostPath::parse(directory)) / name;
        if (access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return Error::of(ENOENT, "program '{}' is not in $PATH", name);
}

Result<UniqueFd> open_pidfd(pid_t pid) {
    UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0U)));
    if (!fd.is_open()) return Error::from_errno("open process {}", pid);
    return fd;
}

Result<void> signal_pidfd(FdRef pidfd, int signal) {
    if (syscall(SYS_pidfd_send_signal, pidfd.number(), signal, nullptr, 0U) < 0) return Error::from_errno("send {}", signal_name(signal));
    return {};
}

namespace {
struct StatFields {
    char state;
    std::uint64_t start_time;
};
Result<StatFields> read_stat(pid_t pid) {
    auto const text = TRY(read_file(TRY(HostPath::parse(fmt::format("/proc/{}/stat", pid)))));
    // The name, field 2, may hold blanks and parentheses: count from the last ')'.
    auto const fields = split(trim(std::string_view(text).substr(text.rfind(')') + 1)), ' ');
    if (fields.size() < 20 || fields[0].empty()) return Error::of(EINVAL, "'/proc/{}/stat' is cut short", pid);
    auto const start_time = TRY(parse_unsigned(fields[19]));
    return StatFields{fields[0][0], start_time};
}
} // namespace

Result<std::uint64_t> start_time_of(pid_t pid) { return TRY(read_stat(pid)).start_time; }

Result<std::optional<UniqueFd>> find_process(pid_t pid, std::uint64_t start_time) {
    if (pid <= 0) return std::optional<UniqueFd>();
    auto pidfd = open_pidfd(pid);
    if (!pidfd && pidfd.error().is(ESRCH)) return std::optional<UniqueFd>();
    if (!pidfd && !pidfd.error().is(ENOSYS) && !pidfd.error().is(EPERM)) return std::move(pidfd).error();
    auto const fields = read_stat(pid);
    if (!fields || fields.value().start_time != start_time || fields.value().state == 'Z' || fields.value().state == 'X')
        return std::optional<UniqueFd>();
    return std::optional(pidfd ? std::move(pidfd).value() : UniqueFd());
}

Result<std::vector<pid_t>> processes_in_pid_namespace_of(pid_t pid) {
    auto const name_space = [](pid_t of) { return read_symlink(HostPath() / fmt::format("proc/{}/ns/pid", of)); };
    auto const wanted = TRY(name_space(pid));
    std::vector<pid_t> members;
    for (auto const& name : TRY(list_directory(HostPath() / "proc"))) {
        auto const number = parse_unsigned(name);
        if (!number) continue;
        auto const other = static_cast<pid_t>(number.value());
        if (auto const own = name_space(other); own && own.value() == wanted) members.push_back(other);
    }
    return members;
}

void kill_with_children(Process const& child) {
    (void)child.kill(SIGSTOP).ok(); // ended by itself: nothing to do, ignoring
    // Twice: one of them may have made another before it was killed.
    for (int round = 0; round < 2; ++round) {
        auto const file = HostPath::parse(fmt::format("/proc/{0}/task/{0}/children", child.pid()));
        auto const listed = file ? read_file(file.value()) : Result<std::string>(file.error());
        for (auto const word : split(listed ? trim(listed.value()) : "", ' '))
            if (auto const pid = parse_unsigned(word)) ::kill(static_cast<pid_t>(pid.value()), SIGKILL);
    }
    (void)child.kill(SIGKILL).ok();
}

void await_last_thread() {
    struct stat status {};
    // A link for each thread, and two more.
    Backoff backoff;
    for (int tries = 0; tries < 20 && stat("/proc/self/task", &status) == 0 && status.st_nlink > 3; ++tries) backoff.wait();
}

Result<void> set_subreaper() {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) return Error::from_errno("become a child subreaper");
    return {};
}

Result<void> set_parent_death_signal(int signal) {
    if (prctl(PR_SET_PDEATHSIG, signal) < 0) return Error::from_errno("set the parent-death signal");
    return {};
}

Result<unsigned long> parse_personality(std::string_view domain) {
    if (domain == "LINUX") return static_cast<unsigned long>(PER_LINUX);
    if (domain == "LINUX32") return static_cast<unsigned long>(PER_LINUX32);
    return Error::of(EINVAL, "'{}' is not an execution domain; write LINUX or LINUX32", domain);
}

Result<void> set_personality(unsigned long domain) {
    if (personality(domain) < 0) return Error::from_errno("set the execution domain");
    return {};
}

Result<void> set_not_dumpable() {
    if (prctl(PR_SET_DUMPABLE, 0) < 0) return Error::from_errno("become undumpable");
    return {};
}

Result<void> set_dumpable() {
    if (prctl(PR_SET_DUMPABLE, 1) < 0) return Error::from_errno("become dumpable");
    return {};
}

void set_process_name(std::string_view name) { prctl(PR_SET_NAME, std::string(name).c_str()); }

Result<int> parse_signal(std::string_view text) {
    auto const refuse = [&] { return Error::of(EINVAL, "'{}' is not a signal; write for example SIGTERM, TERM or 15", text); };
    if (auto const number = parse_unsigned(text)) return number.value() < NSIG && number.value() > 0 ? Result<int>(static_cast<int>(number.value())) : refuse();
    std::string upper;
    for (char const c : text) upper += static_cast<char>(toupper(static_cast<unsigned char>(c)));
    std::string_view name = upper;
    if (name.starts_with("SIG")) name.remove_prefix(3);
    for (bool const from_top : {false, true}) {
        std::string_view const base = from_top ? "RTMAX" : "RTMIN";
        if (!name.starts_with(base)) continue;
        name.remove_prefix(base.size());
        int const edge = from_top ? SIGRTMAX : SIGRTMIN;
        if (name.empty()) return edge;
        auto const offset = parse_unsigned(name.substr(1));
        if (name[0] != (from_top ? '-' : '+') || !offset || offset.value() > static_cast<unsigned>(SIGRTMAX - SIGRTMIN)) return refuse();
        return from_top ? edge - static_cast<int>(offset.value()) : edge + static_cast<int>(offset.value());
    }
    for (int number = 1; number < NSIG; ++number)
        if (auto const* const known = sigabbrev_np(number); known && name == known) return number;
    return refuse();
}

std::string signal_name(int signal) {
    if (auto const* const known = sigabbrev_np(signal)) return fmt::format("SIG{}", known);
    return signal >= SIGRTMIN && signal <= SIGRTMAX ? fmt::format("SIGRTMIN+{}", signal - SIGRTMIN) : fmt::format("signal {}", signal);
}

Result<std::string> boot_id() { return std::string(trim(TRY(read_file(TRY(HostPath::parse("/proc/sys/kernel/random/boot_id")))))); }

void reset_signals() {
    for (int number = 1; number < NSIG; ++number)
        if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

} // namespace bolt
