// The running program's own mappings of its file.
#pragma once

#include "base/result.h"
#include "sys/fd.h"

namespace bolt {

// Maps the program from `file`, which has the same contents by another mount and is opened for reading, in place of the file that it
// was executed from; /proc/self/exe is `link` from then on, any file that may be executed. What execve(2) would do, at a tenth of its
// time. For a process with one thread. `arguments` are main()'s. PR_SET_MM_MAP in prctl(2): EPERM without CAP_CHECKPOINT_RESTORE,
// EINVAL for a kernel without CONFIG_CHECKPOINT_RESTORE; the program goes on unharmed after any error.
Result<void> map_own_program_from(FdRef file, FdRef link, char* const* arguments);

} // namespace bolt
