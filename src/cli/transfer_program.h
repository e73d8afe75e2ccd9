// Commands that bolt-transfer does, since HTTP, TLS and compression are linked only there. They are parsed here too, so that wrong usage
// is told at once and in the same words.
#pragma once

#include "cli/command.h"
#include "cli/perform.h"

namespace bolt::cli {

// Becomes bolt-transfer; returns only when that fails.
Result<int> replace_by_transfer(std::string_view command, Words const& arguments);

// A Command's `perform`: the arguments go on as they were written.
template <typename Options>
int perform_by_transfer(Command const& command, Words const& arguments) {
    Options options{};
    auto const reading = read_arguments(command, arguments, &options);
    return reading.answered ? *reading.answered : finish(command, replace_by_transfer(command.name, arguments));
}

} // namespace bolt::cli
