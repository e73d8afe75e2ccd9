#include "sys/file.h"

#include <algorithm>
#include <ctime>

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "sys/random.h"

namespace bolt {

Result<UniqueFd> open_file(HostPath const& path, int flags, mode_t mode) {
    UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC, mode));
    if (!fd.is_open()) return Error::from_errno("open '{}'", path);
    return fd;
}

Result<UniqueFd> open_at(FdRef directory, std::string_view name, int flags, mode_t mode) {
    UniqueFd fd(openat(directory.number(), std::string(name).c_str(), flags | O_CLOEXEC, mode));
    if (!fd.is_open()) return Error::from_errno("open '{}'", name);
    return fd;
}

Result<UniqueFd> open_again(FdRef held, int flags) { return open_file(TRY(HostPath::parse(fmt::format("/proc/self/fd/{}", held.number()))), flags); }

Result<std::string> read_file(HostPath const& path) {
    auto const fd = TRY(open_file(path, O_RDONLY));
    return read_to_end(fd).while_doing("read '{}'", path);
}

Result<std::string> read_file_at(FdRef directory, std::string_view name) {
    auto const fd = TRY(open_at(directory, name, O_RDONLY));
    return read_to_end(fd).while_doing("read '{}'", name);
}

Result<std::optional<std::string>> find_file(HostPath const& path) {
    auto contents = read_file(path);
    if (contents) return std::optional(std::move(contents).value());
    if (contents.error().is(ENOENT)) return std::optional<std::string>();
    return std::move(contents).error();
}

Result<std::optional<std::string>> find_first_line(HostPath const& path) {
    auto const fd = open_file(path, O_RDONLY);
    if (!fd) return fd.error().is(ENOENT) ? Result<std::optional<std::string>>(std::nullopt) : fd.error();
    char head[4096];
    auto const begun = TRY(read_some(fd.value(), head).while_doing("read '{}'", path));
    std::string text(head, begun);
    if (begun == 0 || text.find('\n') != text.npos) return std::optional(std::move(text));
    return std::optional(text + TRY(read_to_end(fd.value()).while_doing("read '{}'", path)));
}

namespace {

// A file beside `path` that a rename makes to `path`. The lock on it tells remove_dead_staging() that its writer lives.
struct Staged {
    HostPath path;
    UniqueFd fd;
};
Result<Staged> stage(HostPath const& path, mode_t mode) {
    auto const random = TRY(random_name());
    Staged staged{path.parent() / fmt::format(".{}.{}", path.name(), random), {}};
    staged.fd = UniqueFd(open(staged.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!staged.fd.is_open()) return Error::from_errno("make a file in '{}'", path.parent());
    flock(staged.fd.number(), LOCK_EX | LOCK_NB); // ignoring: a file system without locks, or the sweep that is about to remove it
    return staged;
}

Result<void> try_write_file(HostPath const& path, std::string_view contents, mode_t mode, Durability durability) {
    auto const staged = TRY(stage(path, mode));
    auto written = [&]() -> Result<void> {
        TRY(write_all(staged.fd, contents));
        if (durability == Durability::synced && fsync(staged.fd.number()) < 0) return Error::from_errno("sync '{}'", staged.path);
        return rename_file(staged.path, path);
    }();
    if (!written) unlink(staged.path.c_str());
    return written;
}

} // namespace

Result<void> write_file(HostPath const& path, std::string_view contents, mode_t mode, Durability durability) {
    auto written = try_write_file(path, contents, mode, durability);
    // A sweep can come between the making of the staged file and its lock.
    if (!written && written.error().is(ENOENT) && exists(path.parent())) written = try_write_file(path, contents, mode, durability);
    if (!written) return std::move(written).while_doing("write '{}'", path);
    if (durability == Durability::synced) TRY(sync_directory(path.parent()));
    return {};
}

Result<void> write_named_file(HostPath const& path, std::string_view contents, mode_t mode, Durability durability) {
    auto const target = real_path(path); // none: a new file, or a link that leads nowhere yet
    struct stat look {};
    bool const is_there = target && stat(target.value().c_str(), &look) == 0;
    // Whoever may write the file may not always make another beside it.
    if (is_there && (!S_ISREG(look.st_mode) || access(target.value().parent().c_str(), W_OK) < 0)) {
        auto const file = TRY(open_file(target.value(), O_WRONLY | O_TRUNC).while_doing("write '{}'", path));
        return write_all(file, contents).while_doing("write '{}'", path);
    }
    return write_file(is_there ? target.value() : path, contents, mode, durability);
}

Result<void> require_writable(HostPath const& path) {
    if (access(path.c_str(), W_OK) == 0) return {};
    if (errno != ENOENT || access(path.parent().c_str(), W_OK) < 0) return Error::from_errno("write '{}'", path);
    return {};
}

Result<void> remove_dead_staging(HostPath const& directory) {
    auto const top = TRY(open_file(directory, O_RDONLY | O_DIRECTORY));
    for (auto const& name : TRY(list_directory(top))) {
        if (!name.starts_with('.')) continue;
        auto const file = open_at(top, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        if (!file || flock(file.value().number(), LOCK_EX | LOCK_NB) < 0) continue; // renamed meanwhile, or its writer lives
        if (unlinkat(top.number(), name.c_str(), 0) < 0 && errno != ENOENT) return Error::from_errno("remove '{}'", directory / name);
    }
    return {};
}

Result<struct stat> stat_file(HostPath const& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) < 0) return Error::from_errno("look at '{}'", path);
    return status;
}

Result<struct stat> stat_fd(FdRef fd) {
    struct stat status {};
    if (fstat(fd.number(), &status) < 0) return Error::from_errno("look at descriptor {}", fd.number());
    return status;
}

bool exists(HostPath const& path) {
    struct stat status {};
    return lstat(path.c_str(), &status) == 0;
}

Result<void> make_directory(HostPath const& path, mode_t mode) {
    if (mkdir(path.c_str(), mode) < 0) return Error::from_errno("make directory '{}'", path);
    return {};
}

Result<void> make_directories(HostPath const& path, mode_t mode) {
    if (mkdir(path.c_str(), mode) == 0) return {};
    if (errno == EEXIST) {
        if (S_ISDIR(TRY(stat_file(path)).st_mode)) return {};
        return Error::from_code(ENOTDIR, fmt::format("make directory '{}'", path));
    }
    if (errno != ENOENT || path.text() == "/") return Error::from_errno("make directory '{}'", path);
    TRY(make_directories(path.parent(), mode));
    if (mkdir(path.c_str(), mode) < 0 && errno != EEXIST) return Error::from_errno("make directory '{}'", path);
    return {};
}

Result<std::vector<std::string>> list_directory(FdRef directory) {
    // A descriptor of its own: fdopendir takes it over, and the offset must not be shared.
    auto own = TRY(open_at(directory, ".", O_RDONLY | O_DIRECTORY));
    auto* const listing = fdopendir(own.number());
    if (!listing) return Error::from_errno("list a directory");
    own.release();
    std::vector<std::string> names;
    errno = 0;
    while (auto const* const entry = readdir(listing)) {
        std::string_view const name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    int const failure = errno;
    closedir(listing);
    if (failure != 0) return Error::from_code(failure, "list a directory");
    return names;
}

Result<std::vector<std::string>> list_directory(HostPath const& path) {
    auto const directory = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
    return list_directory(directory).while_doing("'{}'", path);
}

Result<void> rename_file(HostPath const& from, HostPath const& to) {
    if (rename(from.c_str(), to.c_str()) < 0) return Error::from_errno("rename '{}' to '{}'", from, to);
    return {};
}

Result<void> rename_to_new(HostPath const& from, HostPath const& to) {
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) < 0) return Error::from_errno("rename '{}' to '{}'", from, to);
    return {};
}

Result<void> exchange_files(HostPath const& one, HostPath const& other) {
    if (renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) return {};
    if (errno != EINVAL) return Error::from_errno("exchange '{}' and '{}'", one, other);
    auto const aside = TRY(HostPath::parse(one.text() + ".aside"));
    TRY(rename_file(other, aside));
    if (auto const moved = rename_file(one, other); !moved) {
        (void)rename_file(aside, other).ok(); // as it was, if that can be: the first error is told
        return moved;
    }
    return rename_file(aside, one);
}

Result<void> make_hard_link(HostPath const& from, HostPath const& path) {
    if (link(from.c_str(), path.c_str()) < 0) return Error::from_errno("link '{}' to '{}'", path, from);
    return {};
}

Result<void> make_symlink(std::string_view target, HostPath const& path) {
    if (symlink(std::string(target).c_str(), path.c_str()) < 0) return Error::from_errno("make the link '{}'", path);
    return {};
}

Result<std::string> read_symlink(HostPath const& path) {
    char target[4096];
    auto const length = readlink(path.c_str(), target, sizeof target);
    if (length < 0) return Error::from_errno("read the link '{}'", path);
    return std::string(target, static_cast<std::size_t>(length));
}

Result<std::string> read_symlink(FdRef link) {
    char target[4096];
    auto const length = readlinkat(link.number(), "", target, sizeof target);
    if (length < 0) return Error::from_errno("read a link");
    return std::string(target, static_cast<std::size_t>(length));
}

Result<UniqueFd> watch_for_removal(HostPath const& path) {
    UniqueFd watch(inotify_init1(IN_CLOEXEC));
    if (!watch.is_open()) return Error::from_errno("watch '{}'", path);
    if (inotify_add_watch(watch.number(), path.c_str(), IN_DELETE_SELF | IN_MOVE_SELF) < 0) return Error::from_errno("watch '{}'", path);
    return watch;
}

Result<HostPath> real_path(HostPath const& path) {
    std::unique_ptr<char, decltype(&free)> const real(realpath(path.c_str(), nullptr), &free);
    if (!real) return Error::from_errno("follow the links of '{}'", path);
    return HostPath::parse(real.get());
}

Result<void> remove_file(HostPath const& path) {
    if (unlink(path.c_str()) < 0) return Error::from_errno("remove '{}'", path);
    return {};
}

Result<void> remove_directory(HostPath const& path) {
    if (rmdir(path.c_str()) < 0) return Error::from_errno("remove directory '{}'", path);
    return {};
}

namespace {

// Directories open at once: a container can nest more than a process may have descriptors.
constexpr int deepest_open = 64;

// Empties a tree. What lies too deep is renamed into the top directory, whose turn comes again.
class Emptying {
public:
    explicit Emptying(UniqueFd top) : top_(std::move(top)) {}
    Result<void> run();

private:
    Result<void> empty(FdRef directory, int depth);
    Result<void> remove_below(FdRef directory, std::string const& name, int depth);

    UniqueFd top_;
    dev_t device_ = 0;
    bool lifted_ = false; // something was renamed into the top directory
};

Result<void> Emptying::run() {
    device_ = TRY(stat_fd(top_)).st_dev;
    do {
        lifted_ = false;
        TRY(empty(top_, 0));
    } while (lifted_);
    return {};
}

Result<void> Emptying::empty(FdRef directory, int depth) {
    auto const names = list_directory(directory);
    if (!names) return names.error().is(ENOENT) ? Result<void>() : names.error(); // somebody else removes the same tree
    for (auto const& name : names.value()) {
        if (unlinkat(directory.number(), name.c_str(), 0) == 0 || errno == ENOENT) continue;
        // unlinkat on a directory is EISDIR on Linux; EPERM comes from file systems that follow POSIX to the letter.
        if (errno != EISDIR && errno != EPERM) return Error::from_errno("remove '{}'", name);
        TRY(remove_below(directory, name, depth));
    }
    return {};
}

Result<void> Emptying::remove_below(FdRef directory, std::string const& name, int depth) {
    auto below = open_at(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!below && below.error().is(EACCES) && fchmodat(directory.number(), name.c_str(), 0700, 0) == 0)
        below = open_at(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!below && below.error().is(ENOENT)) return {};
    if (!below) return std::move(below).error().is(ENOTDIR) ? Error::of(EPERM, "remove '{}': Operation not permitted", name) : std::move(below).error();
    auto const status = TRY(stat_fd(below.value()));
    if (status.st_dev != device_) return Error::of(EBUSY, "'{}' is a mount point", name);
    if ((status.st_mode & 0700) != 0700) fchmod(below->number(), 0700); // ignoring a failure: the removal below reports it
    if (depth >= deepest_open) {
        auto const lifted = TRY(random_name());
        if (renameat(directory.number(), name.c_str(), top_.number(), lifted.c_str()) < 0 && errno != ENOENT) return Error::from_errno("remove '{}'", name);
        lifted_ = true;
        return {};
    }
    TRY(empty(below.value(), depth + 1).while_doing("in '{}'", name));
    if (unlinkat(directory.number(), name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT) return Error::from_errno("remove directory '{}'", name);
    return {};
}

} // namespace

Result<void> remove_tree(HostPath const& path) {
    if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR && errno != EPERM) return Error::from_errno("remove '{}'", path);
    auto top = open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!top && top.error().is(EACCES) && chmod(path.c_str(), 0700) == 0) top = open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!top && top.error().is(ENOENT)) return {};
    TRY(Emptying(TRY(std::move(top))).run().while_doing("remove '{}'", path));
    auto const removed = remove_directory(path);
    return removed || removed.error().is(ENOENT) ? Result<void>() : removed;
}

Result<void> sync_directory(HostPath const& path) {
    auto const fd = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
    if (fsync(fd.number()) < 0) return Error::from_errno("sync directory '{}'", path);
    return {};
}

Result<void> sync_filesystem(HostPath const& path) {
    auto const fd = TRY(open_file(path, O_RDONLY));
    if (syncfs(fd.number()) < 0) return Error::from_errno("sync the file system of '{}'", path);
    return {};
}

void Backoff::wait() {
    timespec const pause{0, milliseconds_ * 1'000'000L};
    nanosleep(&pause, nullptr);
    milliseconds_ = std::min(milliseconds_ * 2, 50);
}

} // namespace bolt
