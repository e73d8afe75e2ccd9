// From a command's words to its exit code.
#pragma once

#include <optional>

#include "cli/command.h"
#include "cli/command_line.h"

namespace bolt::cli {

// Parses; help that was asked for and wrong usage are answered here, and the exit code is in `answered`.
struct Reading {
    Words words;
    std::optional<int> answered;
};
Reading read_arguments(Command const& command, Words const& arguments, void* options);
// The code of a command that ran, or its error said and the command's failure code.
int finish(Command const& command, Result<int> outcome);

// A Command's `perform`: `body` gets the options as set and the words that are none, and answers with the exit code.
template <typename Options, auto body>
int perform(Command const& command, Words const& arguments) {
    Options options{};
    auto const reading = read_arguments(command, arguments, &options);
    if (reading.answered) return *reading.answered;
    return finish(command, body(options, reading.words));
}

} // namespace bolt::cli
