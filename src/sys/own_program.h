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
// Goes on from a copy of the file that nobody can write to: a read-only mount, or a sealed memfd(2) before Linux 5.12 and where
// mounts are not ours to make. Where the kernel lets us, the program stays what it is and only its file is another one; else it is
// executed again with the same arguments, so this is to be called while nothing has been done yet. Returns the mount, if it made
// one: its last holder waits a tenth of a millisecond when it lets go, which is best done while others work. Nothing is done
// where we may not write to the file.
Result<UniqueFd> continue_unwritable(char* const* arguments);

} // namespace bolt
