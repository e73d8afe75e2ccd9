// linux.seccomp compiled to a BPF program, by libseccomp.
#pragma once

#include <string>

#include "base/result.h"
#include "spec/runtime.h"

namespace bolt::oci {

// An array of struct sock_filter as bytes. EINVAL and ENOTSUP name the field; a syscall that this libseccomp does not know is
// passed over, as the specification's users expect of profiles that are newer than the host.
Result<std::string> compile_seccomp(spec::Seccomp const& seccomp);
// Whether a rule asks the supervisor at listenerPath.
bool asks_supervisor(spec::Seccomp const& seccomp);
// SECCOMP_FILTER_FLAG_… of linux.seccomp.flags.
Result<unsigned> seccomp_flags(spec::Seccomp const& seccomp);

} // namespace bolt::oci
