// The running program's own file.
#pragma once

#include "base/result.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt {

// Its path, for finding its siblings.
Result<HostPath> own_program();
// It, opened with O_PATH.
Result<UniqueFd> open_own_program();

// A process that runs this program inside a container (before its execve, or because it was told to execute /proc/self/exe)
// shows the file to the container's processes, and root there may write to it: CVE-2019-5736. While the program runs, the
// kernel refuses that (ETXTBSY; not Linux 6.11 and 6.12): this says whether it does.
bool own_program_is_busy();
// Goes on where /proc/self/exe leads to no file that anybody could write to. Where the kernel lets us, the program stays what it is,
// mapped by a mount of its own that no path and no link leads to, and its link is an empty sealed memfd(2). Else it is executed again
// with the same arguments, from a read-only mount or a sealed copy, so this is to be called while nothing has been done yet. Returns
// the mount, if it made one: its last holder waits a tenth of a millisecond when it lets go, which is best done while others work,
// but who gets hold of it can make it writable. Nothing is done where we may not write to the file.
Result<UniqueFd> continue_unwritable(char* const* arguments);

} // namespace bolt
