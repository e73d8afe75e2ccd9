#include "sys/device_filter.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"

namespace bolt {

namespace {

constexpr std::uint8_t context = 1, kind = 2, access_wanted = 3, major_number = 4, minor_number = 5; // registers

std::uint64_t instruction(int code, std::uint8_t to, std::uint8_t from, int offset, std::int32_t immediate) {
    bpf_insn const one{static_cast<__u8>(code), static_cast<__u8>(to & 15), static_cast<__u8>(from & 15), static_cast<__s16>(offset), immediate};
    std::uint64_t bits{};
    std::memcpy(&bits, &one, sizeof bits);
    return bits;
}

// Jumps over what is left of a rule, which is filled in once that is known.
struct RuleCode {
    std::vector<std::uint64_t> code;
    std::vector<std::pair<std::size_t, std::function<std::uint64_t(int)>>> exits;

    void leave_unless(int comparison, std::uint8_t left, std::uint32_t right) {
        exits.emplace_back(code.size(), [=](int offset) { return instruction(BPF_JMP | comparison | BPF_K, left, 0, offset, static_cast<std::int32_t>(right)); });
        code.push_back(0);
    }
    std::vector<std::uint64_t> finish() {
        for (auto const& [at, make] : exits) code[at] = make(static_cast<int>(code.size() - at - 1));
        return std::move(code);
    }
};

std::vector<std::uint64_t> code_of(DeviceFilterRule const& rule) {
    RuleCode made;
    if (rule.kind != DeviceFilterRule::Kind::any) made.leave_unless(BPF_JNE, kind, static_cast<std::uint32_t>(rule.kind));
    if (rule.access != 7) {
        // An allowance must cover all that is wanted; a denial, any of it.
        made.code.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_X, context, access_wanted, 0, 0));
        made.code.push_back(instruction(BPF_ALU | BPF_AND | BPF_K, context, 0, 0, static_cast<std::int32_t>(rule.allow ? ~rule.access & 7U : rule.access)));
        made.leave_unless(rule.allow ? BPF_JNE : BPF_JEQ, context, 0);
    }
    if (rule.major >= 0) made.leave_unless(BPF_JNE, major_number, static_cast<std::uint32_t>(rule.major));
    if (rule.minor >= 0) made.leave_unless(BPF_JNE, minor_number, static_cast<std::uint32_t>(rule.minor));
    made.code.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, rule.allow ? 1 : 0));
    made.code.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
    return made.finish();
}

} // namespace

std::vector<std::uint64_t> make_device_filter(std::span<DeviceFilterRule const> rules) {
    // struct bpf_cgroup_dev_ctx: access in the upper and kind in the lower half of one word, then the numbers.
    auto const load = [](std::uint8_t to, int offset) { return instruction(BPF_LDX | BPF_MEM | BPF_W, to, context, offset, 0); };
    std::vector<std::uint64_t> program{load(kind, 0),
                                       instruction(BPF_ALU | BPF_AND | BPF_K, kind, 0, 0, 0xffff),
                                       load(access_wanted, 0),
                                       instruction(BPF_ALU | BPF_RSH | BPF_K, access_wanted, 0, 0, 16),
                                       load(major_number, 4),
                                       load(minor_number, 8)};
    for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
        auto const code = code_of(*rule);
        program.insert(program.end(), code.begin(), code.end());
        // What follows cannot be reached, and the kernel refuses such a program.
        if (rule->kind == DeviceFilterRule::Kind::any && rule->access == 7 && rule->major < 0 && rule->minor < 0) return program;
    }
    program.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1));
    program.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
    return program;
}

Result<void> attach_device_filter(HostPath const& cgroup, std::vector<std::uint64_t> const& program) {
    bpf_attr loading{};
    loading.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    loading.insn_cnt = static_cast<__u32>(program.size());
    loading.insns = reinterpret_cast<std::uint64_t>(program.data());
    loading.license = reinterpret_cast<std::uint64_t>("MIT");
    UniqueFd const loaded(static_cast<int>(syscall(SYS_bpf, BPF_PROG_LOAD, &loading, sizeof loading)));
    if (!loaded.is_open()) return Error::from_errno("load the device filter");
    auto const directory = TRY(open_file(cgroup, O_RDONLY | O_DIRECTORY));
    bpf_attr attaching{};
    attaching.target_fd = static_cast<__u32>(directory.number());
    attaching.attach_bpf_fd = static_cast<__u32>(loaded.number());
    attaching.attach_type = BPF_CGROUP_DEVICE;
    attaching.attach_flags = BPF_F_ALLOW_MULTI;
    if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attaching, sizeof attaching) < 0) return Error::from_errno("attach the device filter to '{}'", cgroup);
    return {};
}

Result<bool> in_initial_user_namespace() {
    auto const map = TRY(read_file(TRY(HostPath::parse("/proc/self/uid_map"))));
    std::vector<std::string_view> numbers;
    for (auto const word : split(trim(map), ' '))
        if (!word.empty()) numbers.push_back(word);
    return numbers.size() == 3 && numbers[0] == "0" && numbers[1] == "0" && numbers[2] == "4294967295";
}

} // namespace bolt
