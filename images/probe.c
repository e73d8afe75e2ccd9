// A static program of many small commands: the shell image's content where no busybox is, and the only file in the root file
// systems of tests, so that what they see comes from the kernel and from bolt alone.
//   probe COMMAND [ARGUMENT…], or a link of the command's name.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int copy(int from) {
    char buffer[16384];
    ssize_t count;
    while ((count = read(from, buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0; done < count;) {
            ssize_t const put = write(1, buffer + done, (size_t)(count - done));
            if (put < 0) return 1;
            done += put;
        }
    return count < 0;
}

static int cat(int count, char** files) {
    if (count == 0) return copy(0);
    for (int i = 0; i < count; ++i) {
        int const fd = open(files[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0 || copy(fd) != 0) {
            fprintf(stderr, "cat: %s: %s\n", files[i], strerror(errno));
            return 1;
        }
        close(fd);
    }
    return 0;
}

static int id(void) {
    gid_t groups[256];
    int const count = getgroups(256, groups);
    printf("uid=%d gid=%d groups=", (int)getuid(), (int)getgid());
    for (int i = 0; i < count; ++i) printf("%s%d", i ? "," : "", (int)groups[i]);
    printf("\n");
    return 0;
}

static int status(char const* wanted) {
    char line[512];
    FILE* const file = fopen("/proc/self/status", "re");
    if (!file) return 1;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, wanted, strlen(wanted)) == 0) fputs(line, stdout);
    fclose(file);
    return 0;
}

static volatile sig_atomic_t caught;
static void on_signal(int number) { caught = number; }

// Prints "ready", then the number of the first signal that comes, and exits with it.
static int signal_wait(void) {
    for (int number = 1; number < 65; ++number) signal(number, on_signal);
    printf("ready\n");
    fflush(stdout);
    while (!caught) pause();
    printf("%d\n", (int)caught);
    return caught;
}

static int terminal(void) {
    struct winsize size;
    if (ioctl(0, TIOCGWINSZ, &size) != 0) {
        printf("not a tty\n");
        return 1;
    }
    printf("%s %d %d\n", ttyname(0) ? ttyname(0) : "?", size.ws_row, size.ws_col);
    return 0;
}

static int limits(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    printf("nofile %llu %llu\n", (unsigned long long)files.rlim_cur, (unsigned long long)files.rlim_max);
    return 0;
}

static int nap(char const* text) {
    double const seconds = atof(text);
    struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
    return 0;
}

static int put(char const* path, char const* text) {
    int const fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        fprintf(stderr, "write: %s: %s\n", path, strerror(errno));
        return 1;
    }
    return 0;
}

extern char** environ;

static int run(int argc, char** argv) {
    char const* const command = argv[0];
    char const* const first = argc > 1 ? argv[1] : "";
    if (strcmp(command, "true") == 0) return 0;
    if (strcmp(command, "false") == 0) return 1;
    if (strcmp(command, "exit") == 0) return atoi(first);
    if (strcmp(command, "abort") == 0) return raise(SIGABRT);
    if (strcmp(command, "cat") == 0) return cat(argc - 1, argv + 1);
    if (strcmp(command, "mounts") == 0) return cat(1, (char*[]){"/proc/self/mountinfo"});
    if (strcmp(command, "id") == 0) return id();
    if (strcmp(command, "caps") == 0) return status("Cap");
    if (strcmp(command, "status") == 0) return status(first);
    if (strcmp(command, "sigwait") == 0) return signal_wait();
    if (strcmp(command, "tty") == 0) return terminal();
    if (strcmp(command, "limits") == 0) return limits();
    if (strcmp(command, "sleep") == 0) return nap(first);
    if (strcmp(command, "write") == 0 && argc == 3) return put(argv[1], argv[2]);
    if (strcmp(command, "pwd") == 0) {
        char here[4096];
        return !getcwd(here, sizeof here) || puts(here) < 0;
    }
    if (strcmp(command, "env") == 0) {
        for (char** one = environ; *one; ++one) puts(*one);
        return 0;
    }
    if (strcmp(command, "echo") == 0) {
        for (int i = 1; i < argc; ++i) printf("%s%s", i > 1 ? " " : "", argv[i]);
        return printf("\n") < 0;
    }
    if (strcmp(command, "error") == 0) return fprintf(stderr, "%s\n", first) < 0;
    fprintf(stderr, "probe: no command '%s'\n", command);
    return 127;
}

int main(int argc, char** argv) {
    char const* const slash = strrchr(argv[0], '/');
    char* const name = slash ? (char*)slash + 1 : argv[0];
    if (strcmp(name, "probe") != 0 && strcmp(name, "sh") != 0) {
        argv[0] = name;
        return run(argc, argv);
    }
    if (argc < 2) {
        fprintf(stderr, "probe: true false exit abort cat mounts id caps status sigwait tty limits sleep write pwd env echo error\n");
        return 2;
    }
    return run(argc - 1, argv + 1);
}
