// linux.intelRdt: shares of cache and memory bandwidth, by classes of service in the kernel's resctrl file system. config-linux.md,
// Documentation/filesystems/resctrl.rst.
#pragma once

#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "spec/runtime.h"
#include "sys/path.h"

namespace bolt::oci {

// Where it is mounted. ENOTSUP when it is not.
Result<HostPath> resctrl_top();

struct RdtClass {
    std::vector<HostPath> entered; // directories whose tasks the container's processes are
    std::vector<HostPath> own;     // those that go with the container, innermost first
};
// Finds or makes the class, and the monitoring group where one is asked for. EINVAL and the kernel's own codes name the field; what was
// made is taken back.
Result<RdtClass> make_rdt_class(spec::IntelRdt const& wanted, std::string_view id, HostPath const& top);
Result<void> enter_rdt_class(std::vector<HostPath> const& entered, pid_t pid);
// Writes lines of `schemata`; "" is left out.
Result<void> change_rdt_class(HostPath const& directory, spec::IntelRdt const& wanted);
// What a make_rdt_class() left that was killed half way.
void remove_rdt_remains(spec::IntelRdt const& wanted, std::string_view id);
ErrorList remove_rdt_class(std::vector<HostPath> const& own);

} // namespace bolt::oci
