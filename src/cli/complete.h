// What the shell offers while a line is typed: `bolt __complete WORD…`, for the completions of every shell.
#pragma once

#include <string>

#include "cli/command.h"

namespace bolt::cli {

// The words that may stand in place of the last one, which is being typed: a line "WORD<TAB>DESCRIPTION" each. A line ":files" stands
// for names of files, and ":nospace" says that more of the word follows. What cannot be found out is left out.
std::string completion_of(Words const& words);

} // namespace bolt::cli
