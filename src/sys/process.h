// Processes: made, watched, signalled and reaped through a pidfd, so that a reused pid is never mistaken for them.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt {

// How a process ended.
struct ExitStatus {
    int code = 0;   // when it exited
    int signal = 0; // when a signal killed it, else 0
    bool core_dumped = false;
    // The shell's convention: the code, or 128 + signal.
    int shell_code() const { return signal != 0 ? 128 + signal : code; }
    std::string text() const; // "exited with status 3", "was killed by SIGABRT"
};

// A child. Killed and reaped when this goes out of scope, unless released.
class Process {
public:
    Process() = default;
    Process(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
    Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
    Process& operator=(Process&& other) noexcept;
    ~Process();

    bool is_running() const { return pid_ > 0; } // not yet reaped or released
    pid_t pid() const { return pid_; }
    FdRef pidfd() const { return pidfd_; }
    Result<void> kill(int signal) const;
    Result<ExitStatus> wait();                        // reaps
    Result<std::optional<ExitStatus>> find_exit();    // reaps if it has ended; does not block
    pid_t release();                                  // it is somebody else's from here on

private:
    pid_t pid_ = -1;
    UniqueFd pidfd_;
};

// A child that another process made and told us of: ours to end from here on, also when this fails.
Result<Process> adopt_process(pid_t pid);

struct CloneOptions {
    unsigned long namespaces = 0;      // CLONE_NEW…
    FdRef cgroup{-1};                  // a cgroup v2 directory to be born in (CLONE_INTO_CGROUP, Linux 5.7)
    bool parent_of_caller = false;     // CLONE_PARENT: a sibling
};
// clone3(2) with a pidfd; clone(2) before Linux 5.3. The child runs `body` and never returns; what body returns is its
// exit status. Only in a process without threads.
bool has_clone3(); // without it no process is born in another cgroup
Result<Process> clone_process(CloneOptions const& options, std::function<int()> const& body);

// What a program is started with. Signals are put back to their defaults and the mask is emptied: systemd starts
// services with SIGPIPE ignored, and that must not be inherited.
struct SpawnOptions {
    std::vector<std::string> arguments;                          // arguments[0] is the name it sees
    std::optional<std::vector<std::string>> environment;         // "NAME=value"; absent: the caller's
    std::optional<HostPath> working_directory;
    FdRef input{0}, output{1}, error{2};
    // Further descriptors it gets: {ours, the number it has there}. Everything else is closed.
    std::vector<std::pair<int, int>> inherited;
    bool new_session = false;                                    // setsid(2)
    bool dies_with_parent = false;                               // PR_SET_PDEATHSIG SIGKILL
};
// vfork + execve. An exec that fails is this call's error, with its errno.
Result<Process> spawn(HostPath const& program, SpawnOptions const& options);
// A program's path as the shell would find it in $PATH; ENOENT names it.
Result<HostPath> find_program(std::string_view name);

// pidfd_open(2): of any process. ESRCH when there is none.
Result<UniqueFd> open_pidfd(pid_t pid);
Result<void> signal_pidfd(FdRef pidfd, int signal);

// All signals to their defaults and unblocked: what a program expects to be started with. Async-signal-safe.
void reset_signals();
// proc_sys_kernel(5), random/boot_id: pids, their start times and what was not synced mean nothing in another boot.
Result<std::string> boot_id();
// What tells a process from another that had the same pid: field 22 of /proc/PID/stat, in clock ticks since boot.
Result<std::uint64_t> start_time_of(pid_t pid);
// None when the process is gone or is a zombie.
Result<std::optional<UniqueFd>> find_process(pid_t pid, std::uint64_t start_time);

// The members of a process's pid namespace, as the caller counts.
Result<std::vector<pid_t>> processes_in_pid_namespace_of(pid_t pid);

// SIGKILL to a child of ours and to its own children, which cannot end in between: it is stopped first. proc(5), children.
void kill_with_children(Process const& child);

// prctl(2)'s settings of the calling process.
// Waits, a second at most, until the caller has no other thread: a joined one may be about to end still.
void await_last_thread();
Result<void> set_subreaper();                 // orphaned descendants become our children
Result<void> set_parent_death_signal(int signal);
Result<void> set_not_dumpable();
Result<void> set_dumpable();
void set_process_name(std::string_view name); // 15 characters are kept

// personality(2) by the specification's name of a domain, "LINUX" or "LINUX32"; EINVAL names another.
Result<unsigned long> parse_personality(std::string_view domain);
Result<void> set_personality(unsigned long domain);

// "SIGTERM", "TERM", "15", "SIGRTMIN+3"; EINVAL names the text.
Result<int> parse_signal(std::string_view text);
std::string signal_name(int signal);          // "SIGTERM"

} // namespace bolt
