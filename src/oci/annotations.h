// What annotations ask of the runtime itself: the words of crun(1) and runc(8).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bolt::oci {

struct Annotations {
    bool keeps_groups = false;            // run.oci.keep_original_groups
    bool refuses_unknown_calls = false;   // run.oci.seccomp_fail_unknown_syscall
    std::string seccomp_receiver;         // run.oci.seccomp.receiver, in place of linux.seccomp.listenerPath
    std::optional<std::string> seccomp_program; // run.oci.seccomp_bpf_data, decoded
    std::string pidfd_receiver;           // run.oci.pidfd_receiver
    std::string hook_output, hook_error;  // run.oci.hooks.stdout, run.oci.hooks.stderr
    std::string context_type = "context"; // run.oci.mount_context_type
    std::string systemd_tree;             // run.oci.systemd.force_cgroup_v1: the destination of a mount
    std::string criu_config;              // org.criu.config
    std::string subgroup;                 // run.oci.systemd.subgroup: below the scope; the cgroup manager cgroupfs has none
    std::string delegated_group;          // run.oci.delegate-cgroup: below the container's cgroup
};
// EINVAL for a value that makes no sense, ENOTSUP for what bolt does not do; both name the annotation. Names that no runtime gives
// a meaning are passed over, as config.md wants.
Result<Annotations> parse_annotations(std::vector<std::pair<std::string, std::string>> const& annotations);

} // namespace bolt::oci
