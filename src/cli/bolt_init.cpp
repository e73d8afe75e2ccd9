// bolt-init: pid 1 of a container with --init. Starts the command, passes signals on to it, reaps what is orphaned, and ends as
// the command ends. Plain C library calls only: the program is bind-mounted into every kind of image, static and small.
//
//   bolt-init -- COMMAND [ARGUMENT…]
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include <sys/wait.h>
#include <unistd.h>

namespace {

// What the kernel raises for a fault of this program itself must not be held back.
sigset_t passed_on() {
    sigset_t set;
    sigfillset(&set);
    for (int const fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU}) sigdelset(&set, fault);
    return set;
}

// Situation:    the child; signals are still held.
// Must:         lead a process group of its own, the terminal's foreground one, so that Ctrl-C reaches it once and not twice.
[[noreturn]] void become_command(char** command, sigset_t const& mask_before) {
    setpgid(0, 0);
    signal(SIGTTOU, SIG_IGN);
    (void)tcsetpgrp(STDIN_FILENO, getpgrp()); // ENOTTY without a terminal
    signal(SIGTTOU, SIG_DFL);
    sigprocmask(SIG_SETMASK, &mask_before, nullptr);
    execvp(command[0], command);
    int const failure = errno;
    std::fprintf(stderr, "bolt-init: start '%s': %s\n", command[0], std::strerror(failure));
    _exit(failure == ENOENT ? 127 : 126);
}

// Reaps all that have ended. The exit code of `command` when it is among them, else -1.
int reap(pid_t command) {
    int code = -1, status = 0;
    for (pid_t ended = 0; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
        if (ended == command) code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return code;
}

} // namespace

int main(int argc, char** argv) {
    char** const command = argc > 1 && std::strcmp(argv[1], "--") == 0 ? argv + 2 : argv + 1;
    if (!*command) {
        std::fprintf(stderr, "bolt-init: no command; it is started by `bolt run --init`\n");
        return 125;
    }
    auto const held = passed_on();
    sigset_t mask_before;
    sigprocmask(SIG_SETMASK, &held, &mask_before);
    pid_t const child = fork();
    if (child < 0) {
        std::fprintf(stderr, "bolt-init: start a process: %s\n", std::strerror(errno));
        return 125;
    }
    if (child == 0) become_command(command, mask_before);
    for (;;) {
        int const signal = sigwaitinfo(&held, nullptr);
        if (signal < 0) continue;
        if (signal != SIGCHLD) {
            kill(child, signal);
            continue;
        }
        if (int const code = reap(child); code >= 0) return code;
    }
}
