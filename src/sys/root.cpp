#include "sys/root.h"

#include <climits>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"

namespace bolt {

namespace {

// Resolution without openat2, for Linux < 5.6 and for sandboxes that deny it. Slower, and a writer in the tree can make
// it fail, but every step opens one component with O_NOFOLLOW from a held descriptor, so it never leaves the tree.
class Walk {
public:
    explicit Walk(FdRef top) : top_(top) {}

    Result<UniqueFd> open(std::string_view path, int flags, mode_t mode) {
        push(path);
        while (!pending_.empty()) {
            std::string const name = std::move(pending_.back());
            pending_.pop_back();
            if (name == "..") {
                if (!held_.empty()) held_.pop_back();
                continue;
            }
            bool const last = pending_.empty();
            if (last && (flags & O_NOFOLLOW) != 0) return open_at(here(), name, flags, mode);
            UniqueFd next(openat(here().number(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
            if (!next.is_open()) {
                if (errno == ENOENT && last && (flags & O_CREAT) != 0) return open_at(here(), name, flags | O_NOFOLLOW, mode);
                return Error::from_errno("open '{}'", name);
            }
            if (S_ISLNK(TRY(stat_fd(next)).st_mode))
                TRY(follow(next));
            else if (last)
                return open_at(here(), name, flags | O_NOFOLLOW, mode);
            else
                held_.push_back(std::move(next));
        }
        return open_at(here(), ".", flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW), mode);
    }

private:
    FdRef here() const { return held_.empty() ? top_ : FdRef(held_.back()); }

    // Components are taken from the back.
    void push(std::string_view path) {
        if (path.starts_with('/')) held_.clear();
        auto const components = split(path, '/');
        for (auto it = components.rbegin(); it != components.rend(); ++it)
            if (!it->empty() && *it != ".") pending_.emplace_back(*it);
    }

    Result<void> follow(FdRef link) {
        if (++links_ > 40) return Error::from_code(ELOOP, "follow links");
        char target[4096];
        auto const length = readlinkat(link.number(), "", target, sizeof target);
        if (length < 0) return Error::from_errno("read a link");
        push({target, static_cast<std::size_t>(length)});
        return {};
    }

    FdRef top_;
    std::vector<UniqueFd> held_;
    std::vector<std::string> pending_;
    int links_ = 0;
};

} // namespace

Result<Root> Root::open(HostPath const& path) { return Root(TRY(open_file(path, O_PATH | O_DIRECTORY))); }

Result<UniqueFd> Root::open_text(std::string const& path, int flags, mode_t mode) const {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    // EAGAIN: a rename raced with the look-up of "..", and the kernel could not tell; the manual says to try again.
    for (int tries = 0; tries < 64; ++tries) {
        UniqueFd fd(static_cast<int>(syscall(SYS_openat2, top_.number(), path.c_str(), &how, sizeof how)));
        if (fd.is_open()) return fd;
        if (errno == ENOSYS || errno == EPERM) return Walk(top_).open(path, flags, mode);
        if (errno != EAGAIN) break;
    }
    return Error::from_errno("open '{}' inside the root", path);
}

Result<UniqueFd> Root::open_path(RootPath const& path, int flags, mode_t mode) const { return open_text(path.text(), flags, mode); }

Result<UniqueFd> Root::open_parent(RootPath const& path) const {
    if (path.is_top()) return Error::of(EINVAL, "the root itself has no parent inside");
    return open_text(path.parent().text(), O_PATH | O_DIRECTORY, 0);
}

namespace {
// Images have links that lead nowhere until they run: systemd-resolved's /etc/resolv.conf, /var/run where there is no /run.
// None when it is no link.
Result<std::optional<RootPath>> find_end_of_link(FdRef parent, RootPath const& link) {
    char target[PATH_MAX];
    auto const length = readlinkat(parent.number(), std::string(link.name()).c_str(), target, sizeof target);
    if (length <= 0) return std::optional<RootPath>();
    std::string_view const text(target, static_cast<std::size_t>(length));
    return std::optional(TRY(RootPath::parse_clamped(text.starts_with('/') ? std::string(text) : fmt::format("{}/{}", link.parent().absolute_text(), text))));
}
} // namespace

// The end of a link was taken from its text: ".." there may lead elsewhere, from behind another link.
Result<UniqueFd> Root::open_made(RootPath const& path, FdRef made) const {
    auto there = open_text(path.text(), O_PATH, 0);
    auto const found = there ? stat_fd(there.value()) : Result<struct stat>(there.error());
    auto const expected = TRY(stat_fd(made));
    if (found && found.value().st_dev == expected.st_dev && found.value().st_ino == expected.st_ino) return there;
    return Error::of(ENOTSUP, "the image's link '{}' leads by way of another link to where nothing is; make what it leads to in the image", path);
}

Result<UniqueFd> Root::make_directories(RootPath const& path, mode_t mode, int links_left) const {
    auto whole = open_text(path.text(), O_PATH | O_DIRECTORY, 0);
    if (whole || !whole.error().is(ENOENT)) return whole;
    if (path.is_top()) return whole;
    auto const parent = TRY(make_directories(path.parent(), mode, links_left));
    std::string const name(path.name());
    if (mkdirat(parent.number(), name.c_str(), mode) == 0) return open_at(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (errno != EEXIST) return Error::from_errno("make directory '{}' inside the root", path);
    if (auto const end = TRY(find_end_of_link(parent, path)); end && links_left > 0) {
        auto const made = TRY(make_directories(*end, mode, links_left - 1));
        return open_made(path, made);
    }
    return open_text(path.text(), O_PATH | O_DIRECTORY, 0); // somebody was faster
}

Result<UniqueFd> Root::make_file(RootPath const& path, mode_t mode, int links_left) const {
    auto there = open_text(path.text(), O_PATH, 0);
    if (there || !there.error().is(ENOENT)) return there;
    auto const parent = TRY(make_directories(path.parent(), 0755));
    std::string const name(path.name());
    UniqueFd const made(openat(parent.number(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!made.is_open() && errno == EEXIST) {
        if (auto const end = TRY(find_end_of_link(parent, path)); end && links_left > 0) {
            auto const end_made = TRY(make_file(*end, mode, links_left - 1));
            return open_made(path, end_made);
        }
        errno = EEXIST;
    }
    if (!made.is_open()) return Error::from_errno("make file '{}' inside the root", path);
    return open_at(parent, path.name(), O_PATH | O_NOFOLLOW);
}

Result<std::string> Root::read_file(RootPath const& path, std::size_t limit) const {
    // O_NONBLOCK: a fifo in the place of the file must not hang the reader.
    auto const fd = TRY(open_path(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    if (!S_ISREG(TRY(stat_fd(fd)).st_mode)) return Error::of(EINVAL, "'{}' inside the root is not a regular file", path);
    return read_to_end(fd, limit).while_doing("read '{}' inside the root", path);
}

} // namespace bolt
