// Archives that commands write: to a file, or to standard output.
#pragma once

#include <functional>
#include <optional>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt::cli {

// EINVAL when there is no file and standard output is a terminal.
Result<void> refuse_terminal(std::optional<HostPath> const& output);
// To standard output when no file is named. A file is written beside its place until it is whole, unless it is a pipe or a device;
// nothing of it is left on failure.
Result<void> write_whole(std::optional<HostPath> const& output, std::function<Result<void>(FdRef)> const& write);

} // namespace bolt::cli
