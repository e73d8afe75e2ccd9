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
// Executes the same program again, from a copy of the file that nobody can write to, with the same arguments: a read-only
// mount, or a sealed memfd(2) before Linux 5.12 and where mounts are not ours to make. Returns only when that fails, or when it
// is not needed: this is the copy already, or we may not write to the file. To be called while nothing has been done yet.
Result<void> continue_unwritable(char* const* arguments);

} // namespace bolt
