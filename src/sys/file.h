// Files and directories of the host, and of directories held open.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>
#include <sys/types.h>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt {

// open(2) with O_CLOEXEC added.
Result<UniqueFd> open_file(HostPath const& path, int flags, mode_t mode = 0);
// openat(2) with O_CLOEXEC added; `name` follows symbolic links unless the flags say O_NOFOLLOW.
Result<UniqueFd> open_at(FdRef directory, std::string_view name, int flags, mode_t mode = 0);

// What an O_PATH descriptor holds, for reading or writing: through /proc/self/fd, which no path can divert.
Result<UniqueFd> open_again(FdRef held, int flags);

Result<std::string> read_file(HostPath const& path);
Result<std::string> read_file_at(FdRef directory, std::string_view name);
// None when it does not exist.
Result<std::optional<std::string>> find_file(HostPath const& path);
// The first line with its '\n', and perhaps some of what follows, which is not read when the line has less than 4 KiB.
Result<std::optional<std::string>> find_first_line(HostPath const& path);
// What must have reached the disk when the call returns.
enum class Durability {
    none,   // state that a reboot ends
    synced, // fsync of the file before the rename and of the directory after it
};
// Replaces the file by rename, so that a reader sees the old or the new contents, never half.
Result<void> write_file(HostPath const& path, std::string_view contents, mode_t mode, Durability durability);
// The same for a file that a user has named, which need not last: what is no regular file there (a device, a pipe) is written itself,
// and so is what a link leads to.
Result<void> write_named_file(HostPath const& path, std::string_view contents, mode_t mode, Durability durability = Durability::none);
// Whether that can be expected to work, before what it is about is done.
Result<void> require_writable(HostPath const& path);
// Removes what killed writers of write_file() left in a directory: names that begin with a dot and that nobody has locked.
Result<void> remove_dead_staging(HostPath const& directory);

Result<struct stat> stat_file(HostPath const& path);      // follows a final link
Result<struct stat> stat_fd(FdRef fd);
bool exists(HostPath const& path);                        // anything, a dangling link included

Result<void> make_directory(HostPath const& path, mode_t mode);
// With its parents; existing ones are left as they are.
Result<void> make_directories(HostPath const& path, mode_t mode);
// Names in a directory, "." and ".." left out, in no order. A directory that does not exist is ENOENT.
Result<std::vector<std::string>> list_directory(HostPath const& path);
Result<std::vector<std::string>> list_directory(FdRef directory);
Result<void> rename_file(HostPath const& from, HostPath const& to);
// renameat2(2) with RENAME_NOREPLACE: EEXIST when the target is there.
Result<void> rename_to_new(HostPath const& from, HostPath const& to);
// The two change places in one step: renameat2(2) with RENAME_EXCHANGE. A file system that does not know it (NFS) takes three renames, between
// which `other` is missing for a moment.
Result<void> exchange_files(HostPath const& one, HostPath const& other);
Result<void> make_hard_link(HostPath const& from, HostPath const& path); // link(2)
Result<void> make_symlink(std::string_view target, HostPath const& path);   // EEXIST when it is there
Result<std::string> read_symlink(HostPath const& path);
Result<std::string> read_symlink(FdRef link); // opened with O_PATH and O_NOFOLLOW
// Becomes readable when the file under this name is removed or replaced, or its file system goes. inotify(7).
Result<UniqueFd> watch_for_removal(HostPath const& path);
Result<HostPath> real_path(HostPath const& path);         // realpath(3): no links on the way
Result<void> remove_file(HostPath const& path);
Result<void> remove_directory(HostPath const& path);
// A whole tree, without following links and without leaving its file system; what is not there is no error. Makes
// directories writable where it has to (overlay's work directory has mode 000).
Result<void> remove_tree(HostPath const& path);
Result<void> sync_directory(HostPath const& path);
// syncfs(2) of the file system that holds it.
Result<void> sync_filesystem(HostPath const& path);

// Milliseconds that wait between tries of something polled: starts at 1, doubles, stays at 50.
class Backoff {
public:
    void wait();

private:
    int milliseconds_ = 1;
};

} // namespace bolt
