// bolt-oci spec and features: documents that need no container.
#include <fcntl.h>
#include <unistd.h>

#include "cli/oci_commands.h"
#include "oci/mount_plan.h"
#include "oci/seccomp.h"
#include "sys/scheduling.h"
#include "sys/credentials.h"
#include "sys/file.h"

namespace bolt::cli::oci_command {

namespace {

struct SpecOptions {
    std::string bundle = ".";
    bool rootless = false;
};
constexpr Option options_of_spec[] = {
    {"bundle", 'b', "dir", "where config.json is written (default: the working directory)", Set<SpecOptions>::text<&SpecOptions::bundle>, offers_files},
    {"rootless", 0, "", "for an ordinary user", Set<SpecOptions>::flag<&SpecOptions::rootless>},
};

Result<void> write_spec(SpecOptions const& options) {
    auto const path = TRY(HostPath::absolute(options.bundle)) / "config.json";
    auto const document = spec::example_runtime(options.rootless ? spec::ExampleFor::ordinary_user : spec::ExampleFor::root, getuid(), getgid());
    auto const file = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (!file) return file.error().is(EEXIST) ? Error::of(EEXIST, "'{}' exists already; remove it first", path) : file.error();
    return write_all(file.value(), document.dump(Json::Layout::pretty));
}

Json enabled(bool is) { return Json::object().set("enabled", is); }
Json texts(std::initializer_list<char const*> values) { return Json(std::vector<std::string>(values.begin(), values.end())); }

Json linux_features() {
    Json section;
    section.set("namespaces", texts({"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"}));
    section.set("capabilities", capability_names());
    section.set("cgroup", Json::object().set("v1", true).set("v2", true).set("systemd", true).set("systemdUser", true).set("rdma", true));
    section.set("seccomp",
                Json::object()
                    .set("enabled", true)
                    .set("actions", texts({"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
                                           "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"}))
                    .set("operators", texts({"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"}))
                    .set("knownFlags", texts({"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}))
                    .set("supportedFlags", texts({"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"})));
    section.set("apparmor", enabled(true)).set("selinux", enabled(true)).set("intelRdt", enabled(true).set("schemata", true).set("monitoring", true));
    section.set("netDevices", enabled(true));
    section.set("memoryPolicy", Json::object().set("modes", Json(memory_policy_modes())).set("flags", Json(memory_policy_flags())));
    section.set("mountExtensions", Json::object().set("idmap", enabled(true)));
    return section;
}

} // namespace

std::span<Option const> const spec_options = options_of_spec;

int spec(Command const& command, Words const& words) {
    SpecOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const written = write_spec(options);
    return written ? 0 : complain(written.error());
}

int features(Command const& command, Words const& words) {
    NoOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    Json document;
    document.set("ociVersionMin", "1.0.0").set("ociVersionMax", "1.3.0");
    document.set("hooks", texts({"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}));
    document.set("mountOptions", oci::known_mount_options());
    document.set("linux", linux_features());
    document.set("potentiallyUnsafeConfigAnnotations", texts({"run.oci.", "org.systemd.property.", "org.criu.config"}));
    document.set("annotations", Json::object().set("io.github.seccomp.libseccomp.version", oci::seccomp_library_version()).set("org.bolt.version", BOLT_VERSION));
    return show(document.dump(Json::Layout::pretty));
}

} // namespace bolt::cli::oci_command
