// Reads a command's arguments as docker's parser (pflag) does.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace bolt::cli {

struct CommandLine {
    Words words;               // what is no option
    bool asks_for_help = false;
    // Wrong usage: one sentence, and the exit code for it.
    struct Refusal {
        int exit_code;
        std::string text;
    };
    std::optional<Refusal> refusal;
};

// Sets what the options say in `options`. Long options take "--name value" and "--name=value", flags "--name" and
// "--name=false"; letters may be put together ("-it", "-dp 80:80", "-p80:80"). "--" ends the options.
CommandLine parse_command_line(Command const& command, Words const& arguments, void* options);

// The known word that is most like it, if one is near.
std::optional<std::string_view> nearest(std::string_view word, std::span<std::string_view const> known);
// "; did you mean 'x'?" or nothing.
std::string suggestion(std::string_view word, std::span<std::string_view const> known);

} // namespace bolt::cli
