#include "oci/seccomp.h"

#include <algorithm>
#include <cstddef>
#include <memory>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/fd.h"

namespace bolt::oci {

namespace {

constexpr std::string_view notify = "SCMP_ACT_NOTIFY";

Result<std::uint32_t> parse_action(std::string const& action, std::optional<unsigned> errno_return) {
    constexpr unsigned highest = 4094; // libseccomp's; seccomp(2) has one more
    if (action == "SCMP_ACT_ERRNO" && errno_return.value_or(0) > highest) return Error::of(ERANGE, "errnoRet {} is more than {}", *errno_return, highest);
    if (errno_return.value_or(0) > 0xffff) return Error::of(ERANGE, "errnoRet {} is more than 65535", *errno_return);
    auto const number = static_cast<std::uint16_t>(errno_return.value_or(EPERM));
    if (action == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(number);
    if (action == "SCMP_ACT_TRACE") return SCMP_ACT_TRACE(number);
    if (errno_return) return Error::of(EINVAL, "action '{}' has no errnoRet", action);
    constexpr std::pair<std::string_view, std::uint32_t> plain[] = {
        {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},         {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD}, {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS}, {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},  {"SCMP_ACT_LOG", SCMP_ACT_LOG},
        {notify, SCMP_ACT_NOTIFY},
    };
    for (auto const& [name, value] : plain)
        if (name == action) return value;
    return Error::of(EINVAL, "'{}' is not an action", action);
}

Result<scmp_compare> parse_operator(std::string const& op) {
    constexpr std::pair<std::string_view, scmp_compare> operators[] = {
        {"SCMP_CMP_NE", SCMP_CMP_NE}, {"SCMP_CMP_LT", SCMP_CMP_LT}, {"SCMP_CMP_LE", SCMP_CMP_LE},   {"SCMP_CMP_EQ", SCMP_CMP_EQ},
        {"SCMP_CMP_GE", SCMP_CMP_GE}, {"SCMP_CMP_GT", SCMP_CMP_GT}, {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
    for (auto const& [name, value] : operators)
        if (name == op) return value;
    return Error::of(EINVAL, "'{}' is not a comparison", op);
}

Result<std::vector<scmp_arg_cmp>> parse_arguments(std::vector<spec::SeccompArgument> const& arguments) {
    std::vector<scmp_arg_cmp> compared;
    for (auto const& argument : arguments) {
        if (argument.index > 5) return Error::of(EINVAL, "a syscall has no argument {}", argument.index);
        auto const op = TRY(parse_operator(argument.op));
        compared.push_back({argument.index, op, argument.value, argument.value_two});
    }
    return compared;
}

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

Result<void> add_architectures(Filter const& filter, std::vector<std::string> const& architectures) {
    for (auto const& name : architectures) {
        auto const lower = in_lower_case(name.starts_with("SCMP_ARCH_") ? name.substr(10) : name);
        auto const token = seccomp_arch_resolve_name(lower.c_str());
        if (token == 0) return Error::of(EINVAL, "'{}' is not an architecture", name);
        if (int const failure = seccomp_arch_add(filter.get(), token); failure < 0 && failure != -EEXIST)
            return Error::from_code(-failure, fmt::format("add architecture '{}'", name));
    }
    return {};
}

Result<void> add_rule(Filter const& filter, spec::SeccompRule const& rule, std::uint32_t default_action, UnknownCalls unknown) {
    auto const action = TRY(parse_action(rule.action, rule.errno_return));
    auto const compared = TRY(parse_arguments(rule.args));
    if (action == default_action) return {}; // libseccomp refuses rules that change nothing
    // Two comparisons of one argument cannot stand in one rule: each is one of its own then, as libseccomp's documentation says.
    bool repeated = false;
    for (auto const& a : compared)
        repeated = repeated || std::count_if(compared.begin(), compared.end(), [&](auto const& b) { return b.arg == a.arg; }) > 1;
    for (auto const& name : rule.names) {
        int const number = seccomp_syscall_resolve_name(name.c_str());
        if (number == __NR_SCMP_ERROR && unknown == UnknownCalls::refused) return Error::of(EINVAL, "'{}' is no system call that this host's libseccomp knows", name);
        if (number == __NR_SCMP_ERROR) continue;
        int failure = 0;
        if (repeated)
            for (auto const& one : compared) failure = std::min(failure, seccomp_rule_add_array(filter.get(), action, number, 1, &one));
        else
            failure = seccomp_rule_add_array(filter.get(), action, number, static_cast<unsigned>(compared.size()), compared.data());
        if (failure < 0) return Error::from_code(-failure, fmt::format("add a rule for '{}'", name));
    }
    return {};
}

bool forbids(std::string_view action) { return action == "SCMP_ACT_ERRNO" || action == "SCMP_ACT_TRAP" || action.starts_with("SCMP_ACT_KILL"); }

// Init could not even say why it fails: what it says is forbidden too, as a rule.
Result<void> require_execve(spec::Seccomp const& seccomp) {
    if (!forbids(seccomp.default_action)) return {};
    for (auto const& rule : seccomp.syscalls)
        if (!forbids(rule.action) && std::ranges::find(rule.names, "execve") != rule.names.end()) return {};
    return Error::of(EINVAL, "seccomp: 'execve' is not allowed, so no process can be started; add it to what is allowed");
}

struct KnownCalls {
    std::uint32_t architecture = 0; // as the kernel has it, AUDIT_ARCH_*
    std::uint32_t last = 0;         // the highest number that a rule names
};

// linux/audit.h. Others have no answer of their own: their calls are the filter's alone.
std::optional<std::uint32_t> find_audit_name(std::uint32_t token) {
    constexpr std::uint32_t known[] = {SCMP_ARCH_X86, SCMP_ARCH_X86_64, SCMP_ARCH_ARM, SCMP_ARCH_AARCH64, SCMP_ARCH_PPC64LE, SCMP_ARCH_S390X, SCMP_ARCH_RISCV64};
    return std::ranges::find(known, token) != std::end(known) ? std::optional(token) : std::nullopt; // libseccomp's tokens are those numbers
}

std::vector<KnownCalls> known_calls(spec::Seccomp const& seccomp) {
    std::vector<std::uint32_t> tokens{seccomp_arch_native()};
    for (auto const& name : seccomp.architectures) {
        auto const lower = in_lower_case(name.starts_with("SCMP_ARCH_") ? name.substr(10) : name);
        if (auto const token = seccomp_arch_resolve_name(lower.c_str()); std::ranges::find(tokens, token) == tokens.end()) tokens.push_back(token);
    }
    std::vector<KnownCalls> known;
    for (auto const token : tokens) {
        auto const architecture = find_audit_name(token);
        int last = -1;
        for (auto const& rule : seccomp.syscalls)
            for (auto const& name : rule.names) last = std::max(last, seccomp_syscall_resolve_name_arch(token, name.c_str()));
        if (architecture && last >= 0) known.push_back({*architecture, static_cast<std::uint32_t>(last)});
    }
    return known;
}

// What comes before the filter: a call that is newer than all that the rules name does not exist, which is what a C library takes for
// a reason to make an older one. "Not permitted" it takes for an answer. runc does the same.
std::string answer_for_newer_calls(spec::Seccomp const& seccomp) {
    constexpr std::uint32_t x32 = 0x40000000; // numbers of another table, which is the filter's own matter
    std::vector<sock_filter> code;
    auto const add = [&](std::uint16_t what, std::uint32_t value, std::uint8_t when_true = 0, std::uint8_t when_false = 0) { code.push_back({what, when_true, when_false, value}); };
    for (auto const& [architecture, last] : known_calls(seccomp)) {
        add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
        add(BPF_JMP | BPF_JEQ | BPF_K, architecture, 0, 4);
        add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
        add(BPF_JMP | BPF_JGE | BPF_K, x32, 2, 0);
        add(BPF_JMP | BPF_JGT | BPF_K, last, 0, 1);
        add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    }
    return {reinterpret_cast<char const*>(code.data()), code.size() * sizeof(sock_filter)};
}

} // namespace

bool asks_supervisor(spec::Seccomp const& seccomp) {
    return seccomp.default_action == notify || std::ranges::find(seccomp.syscalls, notify, &spec::SeccompRule::action) != seccomp.syscalls.end();
}

bool asks_supervisor_about(spec::Seccomp const& seccomp, std::string_view call) {
    bool is_named = false;
    for (auto const& rule : seccomp.syscalls) {
        bool const is_its = std::ranges::find(rule.names, call) != rule.names.end();
        if (is_its && rule.action == notify) return true;
        is_named = is_named || is_its;
    }
    return !is_named && seccomp.default_action == notify;
}

Result<std::string> compile_seccomp(spec::Seccomp const& seccomp, UnknownCalls unknown) {
    auto const default_action = TRY(parse_action(seccomp.default_action, seccomp.default_errno_return).while_doing("seccomp.defaultAction"));
    Filter const filter(seccomp_init(default_action), seccomp_release);
    if (!filter) return Error::of(ENOMEM, "seccomp: libseccomp could not make a filter");
    TRY(add_architectures(filter, seccomp.architectures).while_doing("seccomp.architectures"));
    // A binary tree instead of a list: the cost of every syscall in the container. libseccomp 2.5.
    (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (auto const& rule : seccomp.syscalls) TRY(add_rule(filter, rule, default_action, unknown).while_doing("seccomp.syscalls"));
    TRY(require_execve(seccomp));
    UniqueFd const file(memfd_create("seccomp", MFD_CLOEXEC));
    if (!file.is_open()) return Error::from_errno("seccomp: make a memory file");
    if (int const failure = seccomp_export_bpf(filter.get(), file.number()); failure < 0) return Error::from_code(-failure, "seccomp: compile");
    if (lseek(file.number(), 0, SEEK_SET) < 0) return Error::from_errno("seccomp: rewind");
    auto program = TRY(read_to_end(file));
    return forbids(seccomp.default_action) ? answer_for_newer_calls(seccomp) + program : program;
}

Result<unsigned> seccomp_flags(spec::Seccomp const& seccomp) {
    constexpr unsigned wait_killable = 1U << 5; // Linux 5.19; older headers lack it
    unsigned flags = 0;
    for (auto const& name : seccomp.flags) {
        if (name == "SECCOMP_FILTER_FLAG_TSYNC") continue; // one thread: nothing to do
        if (name == "SECCOMP_FILTER_FLAG_LOG") flags |= SECCOMP_FILTER_FLAG_LOG;
        else if (name == "SECCOMP_FILTER_FLAG_SPEC_ALLOW") flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
        else if (name == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV") flags |= asks_supervisor(seccomp) ? wait_killable : 0; // only where somebody is asked
        else return Error::of(EINVAL, "seccomp.flags: '{}' is not a flag", name);
    }
    return flags;
}

std::string seccomp_library_version() {
    auto const* const version = seccomp_version();
    return version ? fmt::format("{}.{}.{}", version->major, version->minor, version->micro) : std::string();
}

} // namespace bolt::oci
