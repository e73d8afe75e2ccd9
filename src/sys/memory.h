// The calling process's own memory, for programs that stay and mostly wait.
#pragma once

namespace bolt {

// Gives back what the process does not need while it waits: free heap (malloc_trim(3)), and its mappings of the program's own
// code and constants, which come back from the page cache when they are used again (madvise(2), MADV_DONTNEED). Costs some
// tens of microseconds now and a page fault for every 64 KiB of code used later.
void hand_back_memory();

} // namespace bolt
