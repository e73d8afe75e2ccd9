#include "image/parent_cache.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/layered_mount.h"

namespace bolt::image {

Result<Place> place_of(std::string_view name) {
    while (name.ends_with('/')) name.remove_suffix(1);
    if (name.starts_with("./")) name.remove_prefix(2);
    bool const plain = !name.starts_with('/') && name.find("//") == name.npos && name.find("./") == name.npos && name != "." && name != ".." &&
                       !name.ends_with("/.") && !name.ends_with("/..");
    std::string cleaned;
    if (!plain) {
        // RootPath stops ".." at the top, which hides where it wanted to go.
        int depth = 0;
        for (std::size_t at = 0; at < name.size();) {
            auto const end = std::min(name.find('/', at), name.size());
            auto const component = name.substr(at, end - at);
            if (component == "..") --depth;
            else if (!component.empty() && component != ".") ++depth;
            if (depth < 0) return Error::of(EINVAL, "entry '{}' leads out of the layer's root", name);
            at = end + 1;
        }
        cleaned = TRY(RootPath::parse_clamped(name)).text();
        name = cleaned == "." ? "" : std::string_view(cleaned);
    }
    auto const slash = name.rfind('/');
    if (slash == name.npos) return Place{"", std::string(name)};
    return Place{std::string(name.substr(0, slash)), std::string(name.substr(slash + 1))};
}

Result<ParentCache::Parent> ParentCache::open(std::string const& directory, Whiteouts whiteouts) {
    if (fd_.is_open() && directory == directory_) return Parent{fd_, hands_down_group_};
    auto const path = TRY(RootPath::parse(directory));
    auto opened = target_.open_path(path, O_PATH | O_DIRECTORY);
    if (!opened && (opened.error().is(ENOENT) || opened.error().is(ENOTDIR))) opened = make_step_by_step(directory, whiteouts);
    fd_ = TRY(std::move(opened).while_doing("directory '{}'", directory));
    directory_ = directory;
    hands_down_group_ = (TRY(stat_fd(fd_)).st_mode & S_ISGID) != 0;
    return Parent{fd_, hands_down_group_};
}

Result<void> ParentCache::note_implied(std::string directory) {
    constexpr std::size_t most = 16u << 20; // bytes: somewhat more than the most entries that archives of files have
    implied_size_ += directory.size();
    if (implied_size_ > most) return Error::of(E2BIG, "the archive has files in too many directories that it does not describe");
    implied_.insert(std::move(directory));
    return {};
}

void ParentCache::forget() { fd_.close(); }

Result<UniqueFd> ParentCache::make_step_by_step(std::string const& directory, Whiteouts whiteouts) {
    RootPath so_far;
    auto here = TRY(duplicate(target_.top()));
    auto const whole = TRY(RootPath::parse(directory));
    for (auto const& name : whole.components()) {
        so_far = TRY(so_far.child(name));
        auto next = target_.open_path(so_far, O_PATH | O_DIRECTORY);
        bool opaque = false;
        if (!next && next.error().is(ENOTDIR)) {
            if (!is_whiteout_at(here, name) || whiteouts == Whiteouts::stay) return next;
            if (unlinkat(here.number(), name.c_str(), 0) < 0) return Error::from_errno("replace the whiteout '{}'", so_far);
            opaque = true;
        } else if (!next && !next.error().is(ENOENT)) {
            return next;
        }
        if (!next) {
            if (mkdirat(here.number(), name.c_str(), 0755) < 0) return Error::from_errno("make directory '{}'", so_far);
            next = open_at(here, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
            if (next && fchmod(next.value().number(), 0755) < 0) return Error::from_errno("make directory '{}'", so_far);
            if (next && opaque && fsetxattr(next.value().number(), opaque_.c_str(), "y", 1, 0) < 0)
                return Error::from_errno("make directory '{}' opaque", so_far);
            // An opaque directory hides what is below, so there is nothing to copy from there.
            if (!opaque) TRY(note_implied(so_far.text()));
        }
        here = TRY(std::move(next));
    }
    return here;
}

} // namespace bolt::image
