// This program's file, against the containers that it makes.
#pragma once

#include "base/result.h"
#include "spec/runtime.h"
#include "sys/fd.h"

namespace bolt::cli {

enum class ProgramRuns {
    as_long_as_the_container,
    shorter, // create, run --detach, exec
};
// Where a process of the container could come to write to the file, the program goes on from a copy that cannot be written to, or
// begins again from it. To be called before anything was made. What continue_unwritable (sys/own_program.h) returns.
Result<UniqueFd> protect_program(spec::Runtime const& spec, ProgramRuns runs);

} // namespace bolt::cli
