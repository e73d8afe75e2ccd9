#include "image/directory_times.h"

#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/file.h"

namespace bolt::image {

namespace {

constexpr std::size_t most_in_memory = 1u << 20;

struct Header {
    timespec modified;
    std::uint32_t length;
};

} // namespace

Result<void> DirectoryTimes::add(std::string_view path, timespec modified) {
    Header const header{modified, static_cast<std::uint32_t>(path.size())};
    waiting_.append(reinterpret_cast<char const*>(&header), sizeof header).append(path);
    if (waiting_.size() < most_in_memory) return {};
    if (!file_.is_open()) {
        auto opened = open_at(target_.top(), ".", O_TMPFILE | O_RDWR, 0600);
        if (!opened) return opened.error().is(EOPNOTSUPP) ? Result<void>() : opened.error(); // kept in memory then
        file_ = std::move(opened).value();
    }
    TRY(write_all(file_, waiting_));
    waiting_.clear();
    return {};
}

Result<void> DirectoryTimes::set_all(std::string_view records, std::string& directory, UniqueFd& held) const {
    while (!records.empty()) {
        Header header{};
        std::memcpy(&header, records.data(), sizeof header);
        auto const path = records.substr(sizeof header, header.length);
        records.remove_prefix(sizeof header + header.length);
        auto const slash = path.rfind('/');
        auto const parent = slash == path.npos ? std::string_view() : path.substr(0, slash);
        std::string const leaf(path.empty() ? "." : path.substr(slash + 1)); // npos + 1 is 0
        if (!held.is_open() || parent != directory) {
            auto opened = target_.open_path(TRY(RootPath::parse(parent)), O_PATH | O_DIRECTORY);
            if (!opened && (opened.error().is(ENOENT) || opened.error().is(ENOTDIR))) continue; // replaced by a later entry
            held = TRY(std::move(opened));
            directory = parent;
        }
        struct stat look {};
        if (fstatat(held.number(), leaf.c_str(), &look, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT || errno == ENOTDIR) continue;
            return Error::from_errno("look at '{}'", path);
        }
        timespec const times[2] = {header.modified, header.modified};
        if (S_ISDIR(look.st_mode) && utimensat(held.number(), leaf.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) return Error::from_errno("set the time of '{}'", path);
    }
    return {};
}

Result<void> DirectoryTimes::set() const {
    std::string directory;
    UniqueFd held;
    if (file_.is_open()) {
        if (lseek(file_.number(), 0, SEEK_SET) < 0) return Error::from_errno("read directories' times");
        // A record is whole when all of it is there.
        std::string records;
        for (bool at_end = false; !at_end || !records.empty();) {
            std::string piece(most_in_memory, '\0');
            auto const count = TRY(read_some(file_, piece));
            at_end = count == 0;
            records.append(piece, 0, count);
            std::size_t whole = 0;
            for (Header header{}; records.size() - whole >= sizeof header; whole += sizeof header + header.length) {
                std::memcpy(&header, records.data() + whole, sizeof header);
                if (records.size() - whole < sizeof header + header.length) break;
            }
            TRY(set_all(std::string_view(records).substr(0, whole), directory, held));
            records.erase(0, whole);
            if (at_end && !records.empty()) return Error::of(EIO, "directories' times were cut off on the disk");
        }
    }
    return set_all(waiting_, directory, held);
}

} // namespace bolt::image
