// The system calls that a container may use unless the user says otherwise: what docker's default profile lets through, as
// an OCI document (runtime specification 1.2, linux.seccomp).
//
// Three answers. What containers need is allowed. What is known and refused answers EPERM, as docker's does, unless the
// container has the capability that opens it. Anything else, a newer kernel's calls above all, answers ENOSYS: programs then
// take the older way, where EPERM would make them give up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace bolt::engine {

// For containers with these capabilities ("CAP_CHOWN" …), on this machine's architecture and its 32-bit one.
Json seccomp_document(std::vector<std::string> const& capabilities);

// The document for the default capabilities, compiled when bolt was built (seccomp_generator.cpp): an array of sock_filter,
// the form in which seccomp(2) takes it, in the hex digits in which a monitor's request carries it.
std::string_view default_seccomp_program_in_hex();

// A profile from a file that the user names: the OCI form, or docker's, in which rules may depend on capabilities,
// architectures and the kernel's version. EINVAL names what is wrong with it.
Result<Json> seccomp_document_of_file(Json const& file, std::vector<std::string> const& capabilities, std::string_view kernel_release);

} // namespace bolt::engine
