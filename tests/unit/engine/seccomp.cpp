#include "catch.h"

#include <set>

#include "engine/capabilities.h"
#include "engine/seccomp_profile.h"

using namespace bolt;
using namespace bolt::engine;

namespace {

struct Rules {
    std::set<std::string> allowed, refused;
};
// The unconditional ones.
Rules rules_for(std::vector<std::string> const& add) {
    auto const document = seccomp_document(choose_capabilities(add, {}).value());
    Rules rules;
    for (auto const& rule : *document.find("syscalls")->find_array()) {
        if (rule.find("args")) continue;
        auto const names = rule.strings("names").value();
        auto const errno_return = rule.integer_or("errnoRet", 0).value();
        if (*rule.find("action")->find_string() == "SCMP_ACT_ALLOW") rules.allowed.insert(names.begin(), names.end());
        else if (errno_return == 1) rules.refused.insert(names.begin(), names.end());
    }
    return rules;
}

} // namespace

TEST_CASE("the default profile: what containers need, what they do not get", "[engine][seccomp]") {
    auto const rules = rules_for({});
    for (auto const name : {"read", "openat2", "execve", "chroot", "ptrace", "futex_waitv", "landlock_create_ruleset", "rseq", "faccessat2", "pidfd_open"})
        CHECK(rules.allowed.contains(name));
    for (auto const name : {"mount", "unshare", "setns", "bpf", "keyctl", "io_uring_setup", "userfaultfd", "kexec_load", "reboot", "init_module", "open_by_handle_at",
                            "perf_event_open", "pivot_root", "swapon", "settimeofday"})
        CHECK(rules.refused.contains(name));
    for (auto const& name : rules.allowed) CHECK_FALSE(rules.refused.contains(name));
}

TEST_CASE("capabilities open what they are for", "[engine][seccomp]") {
    auto const administrator = rules_for({"SYS_ADMIN"});
    for (auto const name : {"mount", "unshare", "setns", "bpf", "clone", "clone3", "perf_event_open"}) CHECK(administrator.allowed.contains(name));
    CHECK(administrator.refused.contains("reboot"));
    CHECK(rules_for({"SYS_BOOT"}).allowed.contains("reboot"));
    CHECK(rules_for({"BPF"}).allowed.contains("bpf"));
    CHECK(rules_for({"BPF"}).refused.contains("mount"));
    CHECK(rules_for({"SYS_TIME"}).allowed.contains("clock_settime"));
    CHECK(rules_for({"ALL"}).refused.contains("kexec_load"));
}

TEST_CASE("what nobody has heard of is not there", "[engine][seccomp]") {
    auto const document = seccomp_document({});
    CHECK(*document.find("defaultAction")->find_string() == "SCMP_ACT_ERRNO");
    CHECK(*document.find("defaultErrnoRet")->find_integer() == 38);
    CHECK(default_seccomp_program_in_hex().size() % 16 == 0); // struct sock_filter has eight bytes
    CHECK(default_seccomp_program_in_hex().size() > 16 * 100);
}

TEST_CASE("docker's profile files are turned into the specification's form", "[engine][seccomp]") {
    auto const file = Json::parse(R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}, {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []}],
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {}, "excludes": {}},
                     {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
                     {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
                     {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
                     {"names": ["s390_pci_mmio_read"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390"]}}]})");
    REQUIRE_OK(file);
    auto const names = [&](std::vector<std::string> const& capabilities, std::string_view release) {
        auto const document = seccomp_document_of_file(file.value(), capabilities, release);
        REQUIRE_OK(document);
        std::string list;
        for (auto const& rule : *document.value().find("syscalls")->find_array()) list += rule.strings("names").value().front() + " ";
        return list;
    };
    CHECK(names({}, "6.1.0-18-amd64") == "read ptrace clone3 ");
    CHECK(names({}, "4.4.0") == "read clone3 ");
    CHECK(names({"CAP_SYS_ADMIN"}, "4.19") == "read ptrace mount ");
    CHECK_FALSE(seccomp_document_of_file(Json::object(), {}, "6.1").ok());
    CHECK_FALSE(seccomp_document_of_file(Json::parse(R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_ERRNO"}]})").value(), {}, "6.1").ok());
}
