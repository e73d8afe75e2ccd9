// linux.seccomp up to the program that the kernel gets.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <linux/bpf_common.h>
#include <linux/filter.h>

#include "oci/seccomp.h"
#include "spec/runtime_parts.h"

namespace {

// What seccomp_check_filter() of the kernel asks of every program: whole instructions, not too many, jumps inside, a return at the end.
bool is_filter(std::string_view program) {
    std::size_t const count = program.size() / sizeof(sock_filter);
    if (count == 0 || count > BPF_MAXINSNS || program.size() % sizeof(sock_filter) != 0) return false;
    for (std::size_t i = 0; i < count; ++i) {
        sock_filter one{};
        std::memcpy(&one, program.data() + i * sizeof one, sizeof one);
        if (BPF_CLASS(one.code) == BPF_JMP) {
            std::size_t const farthest = BPF_OP(one.code) == BPF_JA ? one.k : std::max(one.jt, one.jf);
            if (farthest >= count - i - 1) return false;
        }
        if (i == count - 1 && BPF_CLASS(one.code) != BPF_RET) return false;
    }
    return true;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
    using namespace bolt;
    auto const document = Json::parse({reinterpret_cast<char const*>(bytes), size});
    if (!document) return 0;
    auto const section = spec::parse_seccomp(document.value());
    if (!section) return 0;
    (void)oci::seccomp_flags(section.value()).ok();
    (void)oci::asks_supervisor(section.value());
    auto const program = oci::compile_seccomp(section.value());
    if (program && !is_filter(program.value())) abort();
    return 0;
}
