// fault-points [--at NUMBER] [--at-syncs COMMAND] REPORT PROGRAM [ARGUMENT…]: runs a program and what it starts, and numbers every
// system call with which any of them is about to change a file: its fault points. REPORT lists them, a line each. With --at, the
// process that comes to that one is killed by SIGKILL in its place, and the line "killed" follows. With --at-syncs, COMMAND runs
// in a shell before and after every fsync(2), fdatasync(2) and syncfs(2), while the caller stands still.
// For root: a filter without no_new_privs is root's to load. Ends as the program does; 137 when that was killed.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

enum class Kind { always, sync, open, open_how, written, request };
struct Call {
    long number;
    char const* name;
    Kind kind = Kind::always;
};

constexpr Call calls[] = {
#ifdef SYS_rename
    {SYS_rename, "rename"}, {SYS_mkdir, "mkdir"}, {SYS_mknod, "mknod"}, {SYS_link, "link"}, {SYS_symlink, "symlink"}, {SYS_unlink, "unlink"}, {SYS_rmdir, "rmdir"},
    {SYS_creat, "creat"}, {SYS_chmod, "chmod"}, {SYS_chown, "chown"}, {SYS_lchown, "lchown"}, {SYS_open, "open", Kind::open},
#endif
    {SYS_renameat2, "renameat2"}, {SYS_mkdirat, "mkdirat"}, {SYS_mknodat, "mknodat"}, {SYS_linkat, "linkat"}, {SYS_symlinkat, "symlinkat"},
    {SYS_unlinkat, "unlinkat"}, {SYS_renameat, "renameat"}, {SYS_openat, "openat", Kind::open}, {SYS_openat2, "openat2", Kind::open_how},
    {SYS_fchmod, "fchmod"}, {SYS_fchmodat, "fchmodat"}, {SYS_fchown, "fchown"}, {SYS_fchownat, "fchownat"}, {SYS_utimensat, "utimensat"},
    {SYS_setxattr, "setxattr"}, {SYS_lsetxattr, "lsetxattr"}, {SYS_fsetxattr, "fsetxattr"}, {SYS_removexattr, "removexattr"}, {SYS_fremovexattr, "fremovexattr"},
    {SYS_truncate, "truncate"}, {SYS_ftruncate, "ftruncate"}, {SYS_fallocate, "fallocate"}, {SYS_copy_file_range, "copy_file_range"},
    {SYS_fsync, "fsync", Kind::sync}, {SYS_fdatasync, "fdatasync", Kind::sync}, {SYS_syncfs, "syncfs", Kind::sync},
    {SYS_write, "write", Kind::written}, {SYS_pwrite64, "pwrite64", Kind::written}, {SYS_writev, "writev", Kind::written},
    {SYS_pwritev, "pwritev", Kind::written}, {SYS_sendfile, "sendfile", Kind::written}, {SYS_ioctl, "ioctl", Kind::request},
};

[[noreturn]] void give_up(char const* what) {
    std::perror(what);
    std::exit(125);
}

// The kernel stops the caller for us at these calls, and at no other.
void load_filter() {
    std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (auto const& call : calls) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call.number), 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    sock_fprog const filter{static_cast<unsigned short>(program.size()), program.data()};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) give_up("load the filter");
}

std::string link_target(std::string const& path) {
    char text[4096];
    auto const length = readlink(path.c_str(), text, sizeof text);
    return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : "";
}

std::string string_in(pid_t process, std::uint64_t address) {
    char text[512] = {};
    iovec const to{text, sizeof text - 1}, from{reinterpret_cast<void*>(address), sizeof text - 1};
    if (process_vm_readv(process, &to, 1, &from, 1, 0) > 0) return text;
    // Near the end of a page with nothing behind it.
    iovec const less_to{text, 64}, less_from{reinterpret_cast<void*>(address), 64};
    return process_vm_readv(process, &less_to, 1, &less_from, 1, 0) > 0 ? text : "";
}

std::string descriptor(pid_t process, std::uint64_t number) { return "/proc/" + std::to_string(process) + "/fd/" + std::to_string(static_cast<int>(number)); }

bool is_lasting_file(std::string const& path) {
    struct stat status{};
    // Memory's files, the kernel's settings and pipes last for nobody.
    auto const target = link_target(path);
    return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && target.rfind("/proc/", 0) != 0 && target.rfind("/sys/", 0) != 0 && target.rfind("/memfd:", 0) != 0;
}

bool changes_a_file(pid_t process, Call const& call, std::uint64_t const (&arguments)[6]) {
    constexpr std::uint64_t making = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
    switch (call.kind) {
    case Kind::always:
    case Kind::sync: return true;
    case Kind::open: return (arguments[std::strcmp(call.name, "open") == 0 ? 1 : 2] & making) != 0;
    case Kind::written: return is_lasting_file(descriptor(process, arguments[0]));
    case Kind::request: return arguments[1] == FICLONE || arguments[1] == FICLONERANGE;
    case Kind::open_how: break;
    }
    open_how how{};
    iovec const to{&how, sizeof how}, from{reinterpret_cast<void*>(arguments[2]), sizeof how};
    return process_vm_readv(process, &to, 1, &from, 1, 0) == sizeof how && (how.flags & making) != 0;
}

// The paths of a call, or its descriptor's, for whoever reads the report.
std::string objects(pid_t process, Call const& call, std::uint64_t const (&arguments)[6]) {
    std::string_view const name = call.name;
    bool const at = name.size() > 2 && (name.find("at") == name.size() - 2 || name == "openat2" || name == "renameat2") && name != "creat" && name != "symlinkat";
    if (name == "symlinkat") return string_in(process, arguments[2]);
    if (name.rfind("renameat", 0) == 0 || name == "linkat") return string_in(process, arguments[1]) + " " + string_in(process, arguments[3]);
    if (name == "rename" || name == "link" || name == "symlink") return string_in(process, arguments[0]) + " " + string_in(process, arguments[1]);
    if (at) return string_in(process, arguments[1]);
    if (name[0] == 'f' || call.kind == Kind::written || call.kind == Kind::sync || call.kind == Kind::request || name == "copy_file_range") return link_target(descriptor(process, arguments[0]));
    return string_in(process, arguments[0]);
}

pid_t process_of_thread(pid_t thread) {
    std::ifstream status("/proc/" + std::to_string(thread) + "/status");
    for (std::string word; status >> word;)
        if (word == "Tgid:") return status >> thread ? thread : 0;
    return 0;
}

struct Watch {
    long kills_at = 0;
    char const* at_syncs = nullptr;
    std::ofstream report;
    long reached = 0;
    std::map<pid_t, bool> in_sync; // threads that are let go to the end of such a call

    // True: this thread shall be stopped again when the call has ended.
    bool stands_before(pid_t thread) {
        __ptrace_syscall_info info{};
        if (ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), thread, sizeof info, &info) <= 0) return false;
        std::uint64_t arguments[6];
        std::copy(std::begin(info.seccomp.args), std::end(info.seccomp.args), arguments);
        for (auto const& call : calls) {
            if (call.number != static_cast<long>(info.seccomp.nr) || !changes_a_file(thread, call, arguments)) continue;
            report << ++reached << ' ' << call.name << ' ' << objects(thread, call, arguments) << std::endl;
            if (reached == kills_at) {
                report << "killed" << std::endl;
                kill(process_of_thread(thread), SIGKILL);
                return false;
            }
            if (call.kind != Kind::sync || !at_syncs) return false;
            run_command();
            return true;
        }
        return false;
    }
    void run_command() const {
        if (std::system(at_syncs) != 0) give_up(at_syncs);
    }
};

int follow(pid_t first, Watch& watch) {
    int ending = 0, status = 0;
    for (pid_t thread; (thread = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;) {
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (thread == first) ending = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            watch.in_sync.erase(thread);
            continue;
        }
        int const event = status >> 16;
        auto going_on = PTRACE_CONT;
        int signal = 0;
        if (event == PTRACE_EVENT_SECCOMP) {
            if (watch.stands_before(thread)) {
                watch.in_sync[thread] = true;
                going_on = PTRACE_SYSCALL;
            }
        } else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
            if (watch.in_sync.erase(thread) > 0) watch.run_command();
        } else if (event == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP) {
            going_on = static_cast<__ptrace_request>(PTRACE_LISTEN); // stopped by a signal as a group
        } else if (event == 0) {
            signal = WSTOPSIG(status);
        }
        ptrace(going_on, thread, 0, signal);
    }
    return ending;
}

} // namespace

int main(int count, char** words) {
    Watch watch;
    int at = 1;
    for (; at + 1 < count && words[at][0] == '-'; at += 2) {
        if (std::strcmp(words[at], "--at") == 0) watch.kills_at = std::strtol(words[at + 1], nullptr, 10);
        else if (std::strcmp(words[at], "--at-syncs") == 0) watch.at_syncs = words[at + 1];
    }
    if (at + 1 >= count) {
        std::fprintf(stderr, "usage: fault-points [--at NUMBER] [--at-syncs COMMAND] REPORT PROGRAM [ARGUMENT...]\n");
        return 125;
    }
    watch.report.open(words[at]);
    if (!watch.report) give_up(words[at]);
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) give_up("pipe2");
    pid_t const first = fork();
    if (first < 0) give_up("fork");
    if (first == 0) {
        char byte = 0;
        close(ready[1]);
        if (read(ready[0], &byte, 1) != 1) _exit(125);
        load_filter();
        execvp(words[at + 1], words + at + 1);
        give_up(words[at + 1]);
    }
    constexpr auto options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SEIZE, first, 0, options) != 0) give_up("ptrace");
    if (write(ready[1], "", 1) != 1) give_up("write");
    return follow(first, watch);
}
