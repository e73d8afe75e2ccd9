#include "sys/own_program.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/mount.h"
#include "sys/own_mappings.h"
#include "sys/process.h"

namespace bolt {

namespace {

constexpr char own_executable[] = "/proc/self/exe";

constexpr int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

// Already a copy, or not ours to write to. A read-only mount answers EROFS.
bool is_unwritable() {
    if (faccessat(AT_FDCWD, own_executable, W_OK, AT_EACCESS) < 0) return true;
    UniqueFd const file(open(own_executable, O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return false;
    int const found = fcntl(file.number(), F_GET_SEALS);
    return found >= 0 && (found & seals) == seals;
}

Result<UniqueFd> mount_read_only() {
    auto const program = TRY(open_own_program());
    auto copy = TRY(Mount::copy(program, Depth::top));
    TRY(copy.set({.set = MOUNT_ATTR_RDONLY}, Depth::top));
    return copy.take_top();
}

Result<UniqueFd> make_executable_memory() {
    constexpr unsigned to_be_executed = 0x10; // MFD_EXEC, which older headers lack
    UniqueFd memory(memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING | to_be_executed));
    // Before Linux 6.3, where every one can be executed.
    if (!memory.is_open() && errno == EINVAL) memory = UniqueFd(memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory.is_open()) return Error::from_errno("copy the program");
    return memory;
}

Result<UniqueFd> copy_and_seal() {
    auto const file = TRY(open_file(TRY(HostPath::parse(own_executable)), O_RDONLY));
    auto copy = TRY(make_executable_memory());
    for (;;) {
        auto const copied = sendfile(copy.number(), file.number(), nullptr, 1u << 30);
        if (copied == 0) break;
        if (copied < 0 && errno != EINTR) return Error::from_errno("copy the program");
    }
    if (fcntl(copy.number(), F_ADD_SEALS, seals) < 0) return Error::from_errno("seal the program's copy");
    return copy;
}

// Not the mount's file: through a descriptor of the mount its read-only flag could be taken off.
Result<void> stay_in_memory(FdRef mount, char* const* arguments) {
    auto const file = TRY(open_again(mount, O_RDONLY));
    auto const link = TRY(make_executable_memory());
    if (fcntl(link.number(), F_ADD_SEALS, seals) < 0) return Error::from_errno("seal the program's link");
    return map_own_program_from(file, link, arguments);
}

} // namespace

Result<HostPath> own_program() { return HostPath::parse(TRY(read_symlink(TRY(HostPath::parse(own_executable))))); }

Result<UniqueFd> open_own_program() { return open_file(TRY(HostPath::parse(own_executable)), O_PATH); }

bool own_program_is_busy() {
    UniqueFd const file(open(own_executable, O_WRONLY | O_CLOEXEC));
    return !file.is_open() && errno == ETXTBSY;
}

Result<UniqueFd> continue_unwritable(char* const* arguments) {
    if (is_unwritable()) {
        set_process_name(program_invocation_short_name); // of a copy it may be the descriptor's number
        return UniqueFd();
    }
    auto copy = mount_read_only();
    if (copy && stay_in_memory(copy.value(), arguments)) return copy;
    if (!copy) copy = copy_and_seal();
    auto const program = TRY(std::move(copy).while_doing("protect the program's file from the container"));
    fexecve(program.number(), arguments, environ);
    return Error::from_errno("protect the program's file from the container");
}

} // namespace bolt
