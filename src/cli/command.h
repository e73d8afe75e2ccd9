// What a command is: its words, its options, and what it does. The table of commands (commands.h) is the only place that
// knows the command line: parsing, help, completion and `bolt __options`, by which man pages are checked, come from it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace bolt::cli {

using Words = std::vector<std::string>;

// What the shell may offer for a value: a fixed list, separated by blanks, or one of these.
inline constexpr std::string_view offers_files = "<file>";

struct Option {
    std::string_view name;     // "publish"
    char letter;               // 'p', or 0
    std::string_view argument; // "list"; empty for a flag, which also takes =true and =false
    std::string_view help;     // empty: works, but is not shown (docker's old spellings)
    Result<void> (*set)(void* options, std::string_view value); // a flag's value is "true" or "false"
    std::string_view values = {};
};

enum class OptionsEnd { nowhere, at_first_argument };
// What the arguments name, for completion.
enum class Names { nothing, containers, running_containers, stopped_containers, containers_and_images, images, commands, files };

// Docker's exit codes for a command line that is wrong, and for a command that failed.
inline constexpr int wrong_option = 125, wrong_arguments = 1, own_failure = 125;

struct Command {
    std::string_view name;      // "run"; "image prune" for one that is known by its group only
    std::string_view arguments; // "IMAGE [COMMAND] [ARG...]"
    std::string_view summary;   // one line
    std::span<Option const> options;
    int least = 0, most = 0;    // how many arguments; most -1: any number
    OptionsEnd options_end = OptionsEnd::nowhere;
    Names names = Names::nothing;
    int (*perform)(Command const&, Words const& arguments);
    int failure = 1;            // exit code when the command itself fails
    std::string_view program = "bolt "; // what stands before the name in texts; "" where the name is the program's
};

// Setters for the members of an options struct, for the tables.
template <typename Options>
struct Set {
    template <auto member>
    static Result<void> flag(void* options, std::string_view value) {
        static_cast<Options*>(options)->*member = value == "true";
        return {};
    }
    template <auto member>
    static Result<void> text(void* options, std::string_view value) {
        static_cast<Options*>(options)->*member = std::string(value);
        return {};
    }
    // Docker takes an empty name, or host name, as none: scripts pass --name "$NAME".
    template <auto member>
    static Result<void> text_unless_empty(void* options, std::string_view value) {
        (static_cast<Options*>(options)->*member).reset();
        if (!value.empty()) static_cast<Options*>(options)->*member = std::string(value);
        return {};
    }
    template <auto member>
    static Result<void> list(void* options, std::string_view value) {
        (static_cast<Options*>(options)->*member).emplace_back(value);
        return {};
    }
    // By a function of the value: a Result of what the member holds.
    template <auto member, auto parse>
    static Result<void> parsed(void* options, std::string_view value) {
        static_cast<Options*>(options)->*member = TRY(parse(value));
        return {};
    }
    // The same for a list that the value adds one element to.
    template <auto member, auto parse>
    static Result<void> parsed_list(void* options, std::string_view value) {
        auto element = TRY(parse(value));
        (static_cast<Options*>(options)->*member).push_back(std::move(element));
        return {};
    }
    template <auto function>
    static Result<void> by(void* options, std::string_view value) {
        return function(*static_cast<Options*>(options), value);
    }
};

struct NoOptions {};

} // namespace bolt::cli
