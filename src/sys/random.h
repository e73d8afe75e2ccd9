// Random bytes from the kernel.
#pragma once

#include <span>
#include <string>

#include "base/ids.h"
#include "base/result.h"

namespace bolt {

Result<void> fill_random(std::span<unsigned char> bytes);   // getrandom(2)
Result<std::string> random_name();                          // 16 hex digits, for staging files and directories
Result<ContainerId> random_container_id();

} // namespace bolt
