#include "sys/own_mappings.h"

#include <elf.h>
#include <link.h>
#include <linux/prctl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <vector>

namespace bolt {

namespace {

// What the kernel mapped of one PT_LOAD: whole pages, those of .bss behind it left out. elf(5).
struct Segment {
    std::uintptr_t begin = 0;
    std::size_t size = 0;
    std::uint64_t offset = 0;
    int protection = 0;
    bool is_writable() const { return (protection & PROT_WRITE) != 0; }
    std::uintptr_t end() const { return begin + size; }
};

struct Program {
    std::vector<Segment> segments;
    std::optional<Segment> sealed; // PT_GNU_RELRO
};

std::uintptr_t address_of(void const* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }
void* at(std::uintptr_t address) { return reinterpret_cast<void*>(address); } // NOLINT(performance-no-int-to-ptr): mmap(2) wants it

Segment pages_of(ElfW(Phdr) const& header, std::uintptr_t base) {
    std::uintptr_t const page = getauxval(AT_PAGESZ), address = base + header.p_vaddr, begin = address & ~(page - 1);
    return {.begin = begin,
            .size = (address + header.p_filesz - begin + page - 1) & ~(page - 1),
            .offset = header.p_offset - (address - begin),
            .protection = ((header.p_flags & PF_R) != 0 ? PROT_READ : 0) | ((header.p_flags & PF_W) != 0 ? PROT_WRITE : 0) | ((header.p_flags & PF_X) != 0 ? PROT_EXEC : 0)};
}

int collect(dl_phdr_info* info, std::size_t, void* into) {
    auto& program = *static_cast<Program*>(into);
    std::uintptr_t const page = getauxval(AT_PAGESZ);
    for (auto const* header = info->dlpi_phdr; header != info->dlpi_phdr + info->dlpi_phnum; ++header) {
        if (header->p_type == PT_LOAD && header->p_filesz > 0) program.segments.push_back(pages_of(*header, info->dlpi_addr));
        // ld.so(8) protects whole pages of it, the last one only when it ends there.
        if (header->p_type == PT_GNU_RELRO) {
            auto const begin = (info->dlpi_addr + header->p_vaddr) & ~(page - 1), end = (info->dlpi_addr + header->p_vaddr + header->p_memsz) & ~(page - 1);
            program.sealed = Segment{.begin = begin, .size = end - begin, .offset = 0, .protection = PROT_READ};
        }
    }
    return 1; // the program is the first object; the others are libraries
}

Result<void> map_again(Segment const& segment, FdRef file) {
    if (mmap(at(segment.begin), segment.size, segment.protection, MAP_PRIVATE | MAP_FIXED, file.number(), static_cast<off_t>(segment.offset)) == MAP_FAILED)
        return Error::from_errno("mmap");
    return {};
}

// What the program has written stays; so memory of nobody's takes the file's place. The kernel copies it, as nothing of ours may
// change while it does.
Result<void> make_anonymous(Segment const& segment) {
    void* const copy = mmap(nullptr, segment.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) return Error::from_errno("mmap");
    iovec const from{at(segment.begin), segment.size}, to{copy, segment.size};
    auto const copied = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
    bool const whole = copied == static_cast<ssize_t>(segment.size);
    if (!whole || mremap(copy, segment.size, segment.size, MREMAP_MAYMOVE | MREMAP_FIXED, at(segment.begin)) == MAP_FAILED) {
        auto error = Error::from_errno("copy the program's data");
        munmap(copy, segment.size);
        return error;
    }
    return {};
}

// The kernel takes all of mm(5)'s numbers together, so the others are said as they are.
Result<void> set_own_link(Program const& program, FdRef link, char* const* arguments) {
    prctl_mm_map map{};
    for (auto const& segment : program.segments) {
        if ((segment.protection & PROT_EXEC) != 0) map.start_code = segment.begin, map.end_code = segment.end();
        if (segment.is_writable()) map.start_data = segment.begin, map.end_data = segment.end();
    }
    auto const* last = arguments[0];
    for (auto const* argument = arguments; *argument; ++argument) last = *argument;
    map.start_brk = map.brk = address_of(sbrk(0));
    map.start_stack = address_of(arguments);
    map.arg_start = address_of(arguments[0]);
    map.arg_end = map.env_start = address_of(last) + std::strlen(last) + 1;
    map.env_end = getauxval(AT_EXECFN); // the kernel puts it behind the environment
    map.exe_fd = static_cast<std::uint32_t>(link.number());
    return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) < 0 ? Result<void>(Error::from_errno("PR_SET_MM_MAP")) : Result<void>();
}

} // namespace

Result<void> map_own_program_from(FdRef file, FdRef link, char* const* arguments) {
    if (!arguments[0]) return Error(EINVAL, "the program has no name");
    Program program;
    dl_iterate_phdr(collect, &program);
    for (auto const& segment : program.segments) TRY(segment.is_writable() ? make_anonymous(segment) : map_again(segment, file));
    if (program.sealed && mprotect(at(program.sealed->begin), program.sealed->size, PROT_READ) < 0) return Error::from_errno("mprotect");
    return set_own_link(program, link, arguments);
}

} // namespace bolt
