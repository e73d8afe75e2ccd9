// This program's file, against the containers that it makes.
#pragma once

#include "base/result.h"
#include "spec/runtime.h"

namespace bolt::cli {

enum class ProgramRuns {
    as_long_as_the_container,
    shorter, // create, run --detach, exec
};
// Where a process of the container could come to write to the file, the program begins again, from a copy that cannot be written
// to. To be called before anything was made.
Result<void> protect_program(spec::Runtime const& spec, ProgramRuns runs);

} // namespace bolt::cli
