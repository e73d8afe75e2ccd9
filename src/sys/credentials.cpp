#include "sys/credentials.h"

#include <array>
#include <atomic>
#include <system_error>
#include <thread>

#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bolt {

Result<unsigned> parse_capability(std::string_view name) {
    cap_value_t number{};
    if (!name.starts_with("CAP_") || cap_from_name(std::string(name).c_str(), &number) < 0) return Error::of(EINVAL, "'{}' is not a capability", name);
    return static_cast<unsigned>(number);
}

std::vector<std::string> capability_names() {
    std::vector<std::string> names;
    for (cap_value_t number = 0; number <= CAP_LAST_CAP; ++number) {
        char* const name = cap_to_name(number);
        if (!name) break;
        std::string upper(name);
        cap_free(name);
        for (char& c : upper) c = static_cast<char>(toupper(static_cast<unsigned char>(c)));
        names.push_back(std::move(upper));
    }
    return names;
}

CapabilitySet own_bounding_set(CapabilitySet asked) {
    CapabilitySet set = 0;
    for (unsigned number = 0; number < 64; ++number)
        if ((asked >> number & 1) != 0 && prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1) set |= CapabilitySet{1} << number;
    return set;
}

Result<CapabilitySets> own_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> words{};
    if (syscall(SYS_capget, &header, words.data()) < 0) return Error::from_errno("read the capabilities");
    auto const both = [&](auto member) { return words[0].*member | CapabilitySet{words[1].*member} << 32; };
    return CapabilitySets{.effective = both(&__user_cap_data_struct::effective), .permitted = both(&__user_cap_data_struct::permitted), .inheritable = both(&__user_cap_data_struct::inheritable)};
}

Result<void> drop_bounding_capabilities_for_good(CapabilitySet kept) {
    for (unsigned number = 0; number < 64; ++number) {
        if ((kept >> number & 1) != 0) continue;
        if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0) continue;
        if (errno == EINVAL) return {}; // beyond the kernel's last
        if (errno == EPERM && prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 0) continue;
        return Error::from_errno("drop capability {} from the bounding set", number);
    }
    return {};
}

Result<void> keep_capabilities_over_user_change() {
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return Error::from_errno("keep the capabilities");
    return {};
}

namespace {
Result<void> set_ambient(CapabilitySet ambient) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && ambient != 0) return Error::from_errno("clear the ambient capabilities");
    for (unsigned number = 0; number < 64; ++number)
        if ((ambient >> number & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0)
            return Error::from_errno("raise ambient capability {}", number);
    return {};
}
} // namespace

Result<void> set_capabilities_for_good(CapabilitySets const& sets) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> words{};
    auto const low = [](CapabilitySet set) { return static_cast<__u32>(set); };
    auto const high = [](CapabilitySet set) { return static_cast<__u32>(set >> 32); };
    words[0] = {low(sets.effective), low(sets.permitted), low(sets.inheritable)};
    words[1] = {high(sets.effective), high(sets.permitted), high(sets.inheritable)};
    if (syscall(SYS_capset, &header, words.data()) < 0) return Error::from_errno("set the capabilities");
    return set_ambient(sets.ambient);
}

Result<void> become_user(uid_t uid, gid_t gid, std::vector<gid_t> const& groups) {
    // In a user namespace whose maker gave up setgroups(2) the groups stay those of that user.
    if (setgroups(groups.size(), groups.data()) < 0 && (errno != EPERM || !groups.empty())) return Error::from_errno("set the supplementary groups");
    return become_user_in_own_groups(uid, gid);
}

Result<void> become_user_in_own_groups(uid_t uid, gid_t gid) {
    if (setresgid(gid, gid, gid) < 0) return Error::from_errno("become group {}{}", gid, errno == EINVAL ? " (it is not mapped in the user namespace)" : "");
    if (setresuid(uid, uid, uid) < 0) return Error::from_errno("become user {}{}", uid, errno == EINVAL ? " (it is not mapped in the user namespace)" : "");
    return {};
}

Result<void> set_no_new_privileges() {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Error::from_errno("set no_new_privs");
    return {};
}

namespace {
sock_fprog program_of(std::string_view bytes) {
    return {static_cast<unsigned short>(bytes.size() / sizeof(sock_filter)),
            const_cast<sock_filter*>(reinterpret_cast<sock_filter const*>(bytes.data()))}; // the kernel copies it
}
} // namespace

Result<void> load_seccomp(std::string_view program, unsigned flags) {
    auto const loaded = program_of(program);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &loaded) != 0) return Error::from_errno("load the seccomp filter");
    return {};
}

Result<void> load_seccomp_with_listener(std::string_view program, unsigned flags, std::function<Result<void>(FdRef)> const& hand_over) {
    constexpr int not_yet = -1, failed = -2;
    std::atomic<int> listener{not_yet};
    std::atomic<bool> is_done{false};
    Result<void> handed_over;
    // The filter may stop every call of this thread until the supervisor answers: from its loading on this one makes none, and
    // waits without one.
    auto const supervise = [&] {
        while (listener == not_yet) sched_yield();
        if (listener != failed) handed_over = hand_over(FdRef(listener));
        // A copy of ours would keep the calls waiting when the supervisor is gone.
        if (listener != failed) close(listener);
        is_done = true;
    };
    try {
        std::thread(supervise).detach();
    } catch (std::system_error const& error) {
        return Error::from_code(error.code().value(), "start a thread that hands the seccomp listener over");
    }
    auto const loaded = program_of(program);
    long const number = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_NEW_LISTENER, &loaded);
    int const code = errno;
    listener = number < 0 ? failed : static_cast<int>(number);
    while (!is_done) {}
    if (number < 0) return Error::from_code(code, "load the seccomp filter");
    return handed_over;
}

namespace {
constexpr std::array<std::pair<std::string_view, int>, 16> resources{{
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
}};
} // namespace

Result<int> parse_rlimit(std::string_view name) {
    for (auto const& [known, number] : resources)
        if (known == name) return number;
    return Error::of(EINVAL, "'{}' is not a resource limit", name);
}

std::vector<std::string> rlimit_names() {
    std::vector<std::string> names;
    for (auto const& [name, number] : resources) names.emplace_back(name);
    return names;
}

Result<void> set_rlimit_of(pid_t pid, int resource, std::uint64_t soft, std::uint64_t hard) {
    rlimit64 const wanted{soft, hard};
    if (prlimit64(pid, static_cast<__rlimit_resource>(resource), &wanted, nullptr) < 0) return Error::from_errno("set soft {} and hard {}", soft, hard);
    return {};
}

Result<void> set_rlimit(int resource, std::uint64_t soft, std::uint64_t hard) { return set_rlimit_of(0, resource, soft, hard); }

Result<void> join_session_keyring(std::string const& name) {
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.c_str()) < 0) return Error::from_errno("make a session keyring");
    return {};
}

} // namespace bolt
