#include "sys/memory.h"

#include <cstdint>

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace bolt {

namespace {

// Only segments that can never be written: their pages are the file's. What was relocated or written to is not in them.
int drop_clean_segments(dl_phdr_info* object, std::size_t, void*) {
    auto const page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    for (int at = 0; at < object->dlpi_phnum; ++at) {
        auto const& segment = object->dlpi_phdr[at];
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
        auto const begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
        auto const end = (object->dlpi_addr + segment.p_vaddr + segment.p_memsz + page - 1) & ~(page - 1);
        madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED); // an advice: a kernel may decline it
    }
    return 0;
}

} // namespace

void hand_back_memory() {
    malloc_trim(0);
    dl_iterate_phdr(drop_clean_segments, nullptr);
}

} // namespace bolt
