// Errors that tell about the host at this moment and nothing about what was looked at.
#pragma once

#include <cerrno>

#include "base/result.h"

namespace bolt {

// No descriptors or memory left, or a device that does not answer: whoever looks for damage has found none.
inline bool is_shortage(Error const& error) { return error.is(EMFILE) || error.is(ENFILE) || error.is(ENOMEM) || error.is(EIO); }

} // namespace bolt
