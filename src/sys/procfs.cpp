#include "sys/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"

namespace bolt {

namespace {
Result<void> check_is_procfs(FdRef fd) {
    struct statfs system {};
    if (fstatfs(fd.number(), &system) < 0) return Error::from_errno("look at /proc");
    if (system.f_type != PROC_SUPER_MAGIC) return Error::of(EINVAL, "what is mounted at /proc is not procfs");
    return {};
}
} // namespace

Result<Procfs> Procfs::open() {
    constexpr ino_t procfs_root = 1;
    UniqueFd top(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!top.is_open()) return Error::from_errno("open /proc");
    TRY(check_is_procfs(top));
    if (TRY(stat_fd(top)).st_ino != procfs_root) return Error::of(EINVAL, "what is mounted at /proc is not procfs's root");
    return Procfs(std::move(top));
}

Result<UniqueFd> Procfs::open_below(std::string const& path, int flags) const {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
    UniqueFd fd(static_cast<int>(syscall(SYS_openat2, top_.number(), path.c_str(), &how, sizeof how)));
    // Linux < 5.6: what was opened is looked at instead; a file bound over a procfs file from procfs itself stays unseen.
    if (!fd.is_open() && (errno == ENOSYS || errno == EPERM)) {
        fd = UniqueFd(openat(top_.number(), path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW));
        if (fd.is_open()) TRY(check_is_procfs(fd));
    }
    if (!fd.is_open()) return Error::from_errno("open '/proc/{}'", path);
    return fd;
}

Result<void> Procfs::write(std::string const& path, std::string_view text) const {
    auto const fd = TRY(open_below(path, O_WRONLY));
    return write_all(fd, text).while_doing("write '/proc/{}'", path);
}

Result<std::string> Procfs::read(std::string const& path) const {
    auto const fd = TRY(open_below(path, O_RDONLY));
    return read_to_end(fd).while_doing("'/proc/{}'", path);
}

Result<UniqueFd> Procfs::reopen(FdRef handle, int flags) const { return open_at(top_, fmt::format("self/fd/{}", handle.number()), flags); }

Result<UniqueFd> Procfs::open_namespace(std::string const& path) const {
    UniqueFd fd(openat(top_.number(), path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.is_open()) return Error::from_errno("open '/proc/{}'", path);
    struct statfs system {};
    if (fstatfs(fd.number(), &system) < 0 || system.f_type != NSFS_MAGIC) return Error::of(EINVAL, "'/proc/{}' is not a namespace", path);
    return fd;
}

Result<pid_t> Procfs::own_pid() const {
    char number[32];
    auto const length = readlinkat(top_.number(), "self", number, sizeof number);
    if (length < 0) return Error::from_errno("read the link '/proc/self'");
    return static_cast<pid_t>(TRY(parse_unsigned({number, static_cast<std::size_t>(length)})));
}

} // namespace bolt
