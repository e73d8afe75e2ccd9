#include "cli/help.h"

#include <algorithm>

#include "cli/commands.h"
#include "cli/output.h"

namespace bolt::cli {

namespace {

constexpr std::size_t line_width = 80;

// `text` in lines that begin at `indent`, where the first one already stands.
std::string wrapped(std::string_view text, std::size_t indent) {
    std::string out;
    std::size_t at = indent;
    for (auto const word : split(text, ' ')) {
        if (at != indent && at + 1 + width_of(word) > line_width) {
            out += '\n' + std::string(indent, ' ');
            at = indent;
        }
        if (at != indent) {
            out += ' ';
            ++at;
        }
        out += word;
        at += width_of(word);
    }
    return out + '\n';
}

std::string spelling_of(Option const& option) {
    auto text = option.letter ? fmt::format("  -{}, --{}", option.letter, option.name) : fmt::format("      --{}", option.name);
    if (!option.argument.empty()) text += fmt::format(" {}", option.argument);
    return text;
}

std::vector<Option> shown_options(Command const& command) {
    std::vector<Option> shown;
    for (auto const& option : command.options)
        if (!option.help.empty()) shown.push_back(option);
    std::sort(shown.begin(), shown.end(), [](Option const& a, Option const& b) { return a.name < b.name; });
    return shown;
}

std::string usage_of(Command const& command) {
    auto text = fmt::format("bolt {}", command.name);
    if (!command.options.empty()) text += " [OPTIONS]";
    if (!command.arguments.empty()) text += fmt::format(" {}", command.arguments);
    return text;
}

std::string aliases_of(Command const& command) {
    std::string text;
    for (auto const& entry : grouped_commands())
        if (entry.command == &command && entry.option.empty() && find_command(command.name)) text += fmt::format("{}bolt {} {}", text.empty() ? "" : ", ", entry.group, entry.word);
    return text.empty() ? text : fmt::format("\nAliases:\n  {}, bolt {}\n", text, command.name);
}

std::string command_lines(std::span<Command const* const> commands) {
    std::string text;
    for (auto const* const command : commands) text += fmt::format("  {:<12}{}\n", command->name, command->summary);
    return text;
}

std::string group_lines() {
    std::string text;
    for (auto const& group : command_groups()) text += fmt::format("  {:<12}{}\n", group.name, group.summary);
    return text;
}

void append_options(std::string& text, Command const& command) {
    for (auto const& option : shown_options(command)) text += fmt::format("{}\t--{}\n", command.name, option.name);
}

} // namespace

std::string help_of(Command const& command) {
    auto text = fmt::format("Usage:  {}\n\n{}\n{}", usage_of(command), command.summary, aliases_of(command));
    auto const options = shown_options(command);
    if (options.empty()) return text;
    std::size_t width = 0;
    for (auto const& option : options) width = std::max(width, spelling_of(option).size() + 3);
    text += "\nOptions:\n";
    for (auto const& option : options) text += fmt::format("{:<{}}", spelling_of(option), width) + wrapped(option.help, width);
    return text;
}

std::string help_of_bolt() {
    constexpr std::size_t common = 7; // the first ones of the table
    auto const all = all_commands();
    std::vector<Command const*> others(all.begin() + common, all.end());
    std::sort(others.begin(), others.end(), [](auto const* a, auto const* b) { return a->name < b->name; });
    return fmt::format("Usage:  bolt COMMAND [OPTIONS]\n\n"
                       "Run containers without a daemon, as an ordinary user\n\n"
                       "Common commands:\n{}\n"
                       "Management commands:\n{}\n"
                       "Commands:\n{}\n"
                       "Global options:\n"
                       "      --help      Print this text\n"
                       "  -v, --version   Print the version and quit\n\n"
                       "'bolt COMMAND --help' says more about a command, 'man bolt' about bolt.\n",
                       command_lines(all.first(common)), group_lines(), command_lines(others));
}

std::string help_of_group(std::string_view group) {
    auto text = fmt::format("Usage:  bolt {} COMMAND\n\nCommands:\n", group);
    for (auto const& entry : grouped_commands())
        if (entry.group == group) text += fmt::format("  {:<12}{}\n", entry.word, entry.command->summary);
    return text + fmt::format("\n'bolt {} COMMAND --help' says more about a command.\n", group);
}

std::string list_of_options() {
    std::string text;
    for (auto const* const command : all_commands()) append_options(text, *command);
    for (auto const& entry : grouped_commands())
        if (!find_command(entry.command->name)) append_options(text, *entry.command);
    return text;
}

} // namespace bolt::cli
