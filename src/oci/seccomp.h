// linux.seccomp compiled to a BPF program, by libseccomp.
#pragma once

#include <string>

#include "base/result.h"
#include "spec/runtime.h"

namespace bolt::oci {

// What becomes of a rule for a system call that this libseccomp does not know. Profiles are often newer than the host.
enum class UnknownCalls { passed_over, refused };
// An array of struct sock_filter as bytes. EINVAL and ENOTSUP name the field.
Result<std::string> compile_seccomp(spec::Seccomp const& seccomp, UnknownCalls unknown = UnknownCalls::passed_over);
// Whether a rule asks the supervisor at listenerPath.
bool asks_supervisor(spec::Seccomp const& seccomp);
bool asks_supervisor_about(spec::Seccomp const& seccomp, std::string_view call);
// SECCOMP_FILTER_FLAG_… of linux.seccomp.flags.
Result<unsigned> seccomp_flags(spec::Seccomp const& seccomp);

// "2.5.4": of the library that is linked.
std::string seccomp_library_version();

} // namespace bolt::oci
