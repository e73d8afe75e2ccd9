// without-calls NAME,NAME… COMMAND [ARGUMENT…]: runs a command on a kernel that answers ENOSYS to these system calls, as one that
// is older than they are does. For root: with no_new_privs set instead, newuidmap would have no privilege.
#include <cstdio>
#include <sstream>
#include <string>

#include <cerrno>
#include <unistd.h>

#include <seccomp.h>

namespace {

bool deny(std::string const& names) {
    auto* const filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter || seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) != 0) return false;
    std::istringstream list(names);
    for (std::string name; std::getline(list, name, ',');) {
        int const number = seccomp_syscall_resolve_name(name.c_str());
        if (number == __NR_SCMP_ERROR || seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0) != 0) {
            std::fprintf(stderr, "without-calls: '%s' is not a system call that libseccomp knows\n", name.c_str());
            return false;
        }
    }
    bool const loaded = seccomp_load(filter) == 0;
    if (!loaded) std::perror("without-calls: load the filter");
    seccomp_release(filter);
    return loaded;
}

} // namespace

int main(int count, char** words) {
    if (count < 3) {
        std::fprintf(stderr, "usage: without-calls NAME,NAME... COMMAND [ARGUMENT...]\n");
        return 125;
    }
    if (geteuid() != 0) {
        std::printf("SKIPPED: a filter without no_new_privs is root's to load\n");
        return 0;
    }
    if (!deny(words[1])) return 125;
    execvp(words[2], words + 2);
    std::perror(words[2]);
    return 127;
}
