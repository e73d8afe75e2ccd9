// The floor under `bolt-oci run` of true: a C program that makes the same kernel calls for the bundle of `crun spec`, and decides
// nothing: no JSON, no checks, no errors told. floor BUNDLE; as root on a host like the bench's.
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(long result, const char* what) {
    if (result < 0) {
        perror(what);
        _exit(125);
    }
}

static int make_mount(const char* type, const char* const* options, unsigned attributes) {
    int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", type, 0);
    for (; options && *options; options += 2) syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, options[0], options[1], 0);
    must(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0), type);
    int mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
    close(fs);
    return mount;
}

static void attach(int mount, int root, const char* where) {
    int place = openat(root, where, O_PATH | O_CLOEXEC);
    must(syscall(SYS_move_mount, mount, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), where);
    close(place);
    close(mount);
}

static void set(int mount, unsigned long attributes, unsigned long propagation, unsigned flags) {
    struct mount_attr wanted = {.attr_set = attributes, .propagation = propagation};
    must(syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, &wanted, sizeof wanted), "mount_setattr");
}

static void mount_new(int root, const char* type, const char* where, const char* const* options, unsigned attributes) { attach(make_mount(type, options, attributes), root, where); }

static void read_only(int root, const char* where) {
    int place = openat(root, where, O_PATH | O_CLOEXEC);
    if (place < 0) return;
    int copy = (int)syscall(SYS_open_tree, place, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
    set(copy, MOUNT_ATTR_RDONLY, 0, AT_RECURSIVE);
    close(place);
    attach(copy, root, where);
}

static void mask(int root, const char* where) {
    static const char* const empty[] = {"size", "0", "nr_inodes", "1", "mode", "555", 0};
    struct stat status;
    if (fstatat(root, where, &status, 0) < 0) return;
    if (S_ISDIR(status.st_mode)) {
        mount_new(root, "tmpfs", where, empty, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        return;
    }
    int null = open("/dev/null", O_PATH | O_CLOEXEC);
    attach((int)syscall(SYS_open_tree, null, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH), root, where);
    close(null);
}

static int become_init(const char* bundle) {
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK};
    int net = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(ioctl(net, SIOCSIFFLAGS, &loopback), "lo");
    close(net);
    setsid();
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "_ses.floor");
    int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    set(top, 0, MS_SLAVE, AT_RECURSIVE);
    close(top);
    char path[4096];
    snprintf(path, sizeof path, "%s/rootfs", bundle);
    int place = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int root = (int)syscall(SYS_open_tree, place, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
    set(root, 0, MS_PRIVATE, AT_RECURSIVE);
    must(syscall(SYS_move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH), "root");
    close(place);

    static const char* const dev[] = {"mode", "755", "size", "65536k", 0};
    static const char* const pts[] = {"ptmxmode", "0666", "mode", "0620", "gid", "5", 0};
    static const char* const shm[] = {"mode", "1777", "size", "65536k", 0};
    const unsigned plain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV;
    mount_new(root, "proc", "proc", 0, 0);
    mount_new(root, "tmpfs", "dev", dev, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME);
    mkdirat(root, "dev/pts", 0755);
    mount_new(root, "devpts", "dev/pts", pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    mkdirat(root, "dev/shm", 0755);
    mount_new(root, "tmpfs", "dev/shm", shm, plain);
    mkdirat(root, "dev/mqueue", 0755);
    mount_new(root, "mqueue", "dev/mqueue", 0, plain);
    mount_new(root, "sysfs", "sys", 0, plain | MOUNT_ATTR_RDONLY);
    static const struct {
        const char* name;
        unsigned major, minor;
    } devices[] = {{"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7}, {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
    umask(0);
    for (unsigned i = 0; i < sizeof devices / sizeof *devices; ++i) must(mknodat(root, devices[i].name, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)), devices[i].name);
    umask(022);
    symlinkat("/proc/self/fd", root, "dev/fd");
    symlinkat("/proc/self/fd/0", root, "dev/stdin");
    symlinkat("/proc/self/fd/1", root, "dev/stdout");
    symlinkat("/proc/self/fd/2", root, "dev/stderr");
    symlinkat("pts/ptmx", root, "dev/ptmx");
    static const char* const read_only_paths[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
    for (unsigned i = 0; i < 5; ++i) read_only(root, read_only_paths[i]);
    static const char* const masked[] = {"proc/acpi", "proc/asound", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/timer_list", "proc/timer_stats", "proc/sched_debug", "sys/firmware", "proc/scsi"};
    for (unsigned i = 0; i < sizeof masked / sizeof *masked; ++i) mask(root, masked[i]);
    sethostname("floor", 5);
    must(fchdir(root), "root");
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount");
    must(chdir("/"), "chdir");
    top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    set(top, MOUNT_ATTR_RDONLY, 0, 0);
    close(top);
    struct rlimit files = {1024, 1024};
    setrlimit(RLIMIT_NOFILE, &files);
    const unsigned kept = 1u << CAP_AUDIT_WRITE | 1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE;
    for (unsigned i = 0; i <= CAP_LAST_CAP; ++i)
        if (i >= 32 || !(kept >> i & 1)) prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    setgroups(0, 0);
    must(syscall(SYS_setresgid, 0, 0, 0), "gid");
    must(syscall(SYS_setresuid, 0, 0, 0), "uid");
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2] = {{kept, kept, 0}, {0, 0, 0}};
    syscall(SYS_capset, &head, sets);
    char* words[] = {"true", 0};
    char* environment[] = {"PATH=/bin", 0};
    execve("/bin/true", words, environment);
    return 127;
}

static void write_file(const char* path, const char* text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) perror(path);
    close(fd);
}

int main(int count, char** words) {
    if (count != 2) return 2;
    // The device rules of the document, on a host with cgroup version 1.
    char group[] = "/sys/fs/cgroup/devices/floor", file[256];
    static const char* const allowed[] = {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm", "c 10:200 rwm"};
    int has_devices = mkdir(group, 0755) == 0;
    if (has_devices) {
        snprintf(file, sizeof file, "%s/devices.deny", group);
        write_file(file, "a *:* rwm");
        snprintf(file, sizeof file, "%s/devices.allow", group);
        for (unsigned i = 0; i < sizeof allowed / sizeof *allowed; ++i) write_file(file, allowed[i]);
    }
    struct clone_args arguments = {.flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS, .exit_signal = SIGCHLD};
    pid_t init = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    must(init, "clone3");
    if (init == 0) {
        snprintf(file, sizeof file, "%s/tasks", group);
        if (has_devices) write_file(file, "0");
        _exit(become_init(words[1]));
    }
    int status = 0;
    waitpid(init, &status, 0);
    if (has_devices) rmdir(group);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
