// Help texts and the list of options, made from the table of commands.
#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"

namespace bolt::cli {

std::string help_of(Command const& command);
// What `bolt` alone and `bolt --help` print.
std::string help_of_bolt();
std::string help_of_group(std::string_view group);
// What `bolt __options` prints: a line "COMMAND<TAB>--OPTION" for every option, for the checks of man pages.
std::string list_of_options();

} // namespace bolt::cli
