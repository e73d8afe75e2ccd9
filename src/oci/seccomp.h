// seccomp profiles: linux.seccomp of config.json to a BPF program, by libseccomp. No process is touched here.
#pragma once

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "spec/runtime.h"

namespace bolt::oci {

// The bytes of a struct sock_filter array. EINVAL names the field; system calls that libseccomp does not know are passed
// over, as the specification's authors do (profiles name calls of every architecture and of newer kernels).
Result<std::string> compile_seccomp(spec::Seccomp const& profile);
// The same from the JSON object that `linux.seccomp` is.
Result<std::string> compile_seccomp(Json const& document);

// seccomp(2)'s flags for loading, from the profile's list.
Result<unsigned> seccomp_load_flags(spec::Seccomp const& profile);

} // namespace bolt::oci
