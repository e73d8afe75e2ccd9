// Copies of files within and between file systems.
#pragma once

#include <string>

#include <sys/stat.h>

#include "base/result.h"
#include "sys/fd.h"

namespace bolt {

// Everything from `source`'s position on; shares the blocks where the file system can (FICLONE).
Result<void> copy_file_contents(FdRef source, FdRef target);
// Of any kind of file, held by any kind of descriptor. Overlay's own marks are not the file's; what the target cannot hold is left
// out. After the owner: chown(2) takes capabilities away.
void copy_extended_attributes(FdRef source, FdRef target);
// The text of the symbolic link that an O_PATH descriptor holds.
Result<std::string> read_held_symlink(FdRef link, struct stat const& status);

// What is in a directory into an empty one (both may be held by O_PATH), with owners, modes, times and extended attributes; the
// target itself stays as it is. Stays in one file system, and follows no links. Sockets are left out; files with several names become several files.
Result<void> copy_directory(FdRef source, FdRef target);

} // namespace bolt
