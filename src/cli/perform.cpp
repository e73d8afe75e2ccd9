#include "cli/perform.h"

#include "cli/help.h"
#include "cli/output.h"

namespace bolt::cli {

Reading read_arguments(Command const& command, Words const& arguments, void* options) {
    auto line = parse_command_line(command, arguments, options);
    if (line.refusal) {
        say(line.refusal->text);
        return {{}, line.refusal->exit_code};
    }
    if (line.asks_for_help) {
        auto const printed = print(help_of(command));
        return {{}, finish(command, printed ? Result<int>(0) : Result<int>(printed.error()))};
    }
    return {std::move(line.words), std::nullopt};
}

int finish(Command const& command, Result<int> outcome) {
    if (outcome) return outcome.value();
    say(outcome.error().text());
    return outcome.error().is(ECANCELED) ? 130 : command.failure;
}

} // namespace bolt::cli
