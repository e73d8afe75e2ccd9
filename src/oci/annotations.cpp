#include "oci/annotations.h"

#include <algorithm>

#include <linux/filter.h>

#include "base/base64.h"

namespace bolt::oci {

namespace {

Result<void> set_flag(bool& flag, std::string const& value) {
    if (value != "1" && value != "0" && !value.empty()) return Error::of(EINVAL, "'{}' is neither 1 nor 0", value);
    flag = value == "1";
    return {};
}

Result<void> set_path(std::string& path, std::string const& value) {
    if (!value.starts_with('/')) return Error::of(EINVAL, "'{}' is not an absolute path", value);
    path = value;
    return {};
}

Result<void> set_program(std::optional<std::string>& program, std::string const& value) {
    program = decode_base64(value);
    if (program && !program->empty() && program->size() % sizeof(sock_filter) == 0 && program->size() / sizeof(sock_filter) <= BPF_MAXINSNS) return {};
    return Error::of(EINVAL, "it is not a BPF program in base64");
}

Result<void> set_context_type(std::string& type, std::string const& value) {
    for (std::string_view const known : {"context", "fscontext", "defcontext", "rootcontext"})
        if (value == known) {
            type = value;
            return {};
        }
    return Error::of(EINVAL, "'{}' is not one of context, fscontext, defcontext, rootcontext", value);
}

Result<void> set_group(std::string& group, std::string const& value) {
    if (value == "." || value == ".." || value.find('/') != value.npos) return Error::of(EINVAL, "'{}' is not the name of a cgroup", value);
    group = value;
    return {};
}

Result<void> refuse(std::string const& value) {
    if (value.empty()) return {}; // the same as none
    return Error::of(ENOTSUP, "bolt does not do this");
}

Result<void> take(Annotations& asked, std::string_view name, std::string const& value) {
    if (name == "run.oci.keep_original_groups") return set_flag(asked.keeps_groups, value);
    if (name == "run.oci.seccomp_fail_unknown_syscall") return set_flag(asked.refuses_unknown_calls, value);
    if (name == "run.oci.seccomp.receiver") return set_path(asked.seccomp_receiver, value);
    if (name == "run.oci.seccomp_bpf_data") return set_program(asked.seccomp_program, value);
    if (name == "run.oci.pidfd_receiver") return set_path(asked.pidfd_receiver, value);
    if (name == "run.oci.hooks.stdout") return set_path(asked.hook_output, value);
    if (name == "run.oci.hooks.stderr") return set_path(asked.hook_error, value);
    if (name == "run.oci.mount_context_type") return set_context_type(asked.context_type, value);
    if (name == "run.oci.systemd.force_cgroup_v1") return set_path(asked.systemd_tree, value);
    if (name == "org.criu.config") return set_path(asked.criu_config, value);
    if (name == "run.oci.systemd.subgroup") return set_group(asked.subgroup, value);
    if (name == "run.oci.delegate-cgroup") return set_group(asked.delegated_group, value);
    constexpr std::string_view refused[] = {"run.oci.handler", "run.oci.seccomp.plugins"};
    return std::ranges::find(refused, name) != std::end(refused) ? refuse(value) : Result<void>();
}

} // namespace

Result<Annotations> parse_annotations(std::vector<std::pair<std::string, std::string>> const& annotations) {
    Annotations asked;
    for (auto const& [name, value] : annotations) TRY(take(asked, name, value).while_doing("annotation '{}'", name));
    return asked;
}

} // namespace bolt::oci
