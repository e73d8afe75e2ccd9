// From bolt's own words to a command of the table; bolt help.
#include <algorithm>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/perform.h"

namespace bolt::cli {

namespace {

int answer(std::string const& text) {
    auto const printed = print(text);
    if (!printed) say(printed.error().text());
    return printed ? 0 : 1;
}

int refuse_command(std::string const& spelt, std::span<std::string_view const> known) {
    say(fmt::format("unknown command '{}'{} ('bolt --help' lists the commands)", spelt, suggestion(spelt.substr(spelt.rfind(' ') + 1), known)));
    return wrong_arguments;
}

std::vector<std::string_view> top_words() {
    std::vector<std::string_view> words;
    for (auto const* const command : all_commands()) words.push_back(command->name);
    for (auto const& group : command_groups()) words.push_back(group.name);
    return words;
}

bool is_group(std::string_view word) { return std::ranges::find(command_groups(), word, &CommandGroup::name) != command_groups().end(); }

// `bolt container ls …`
int perform_grouped(Words const& words) {
    auto const& group = words[0];
    if (words.size() == 1 || words[1] == "--help" || words[1] == "-h") return answer(help_of_group(group));
    std::vector<std::string_view> known;
    for (auto const& entry : grouped_commands()) {
        if (entry.group != group) continue;
        if (entry.word != words[1]) {
            known.push_back(entry.word);
            continue;
        }
        Words arguments(words.begin() + 2, words.end());
        if (!entry.option.empty()) arguments.emplace(arguments.begin(), entry.option);
        return entry.command->perform(*entry.command, arguments);
    }
    return refuse_command(fmt::format("{} {}", group, words[1]), known);
}

Result<int> help(NoOptions&, Words const& words) {
    if (words.empty()) return answer(help_of_bolt());
    if (is_group(words[0])) return answer(help_of_group(words[0]));
    auto const* const command = find_command(words[0]);
    return command ? answer(help_of(*command)) : refuse_command(words[0], top_words());
}

} // namespace

constexpr Command help_command{.name = "help", .arguments = "[COMMAND]", .summary = "Help about a command", .most = 1, .names = Names::commands, .perform = perform<NoOptions, help>};

int perform_words(Words const& words) {
    if (words.empty()) return answer(help_of_bolt());
    auto const& first = words[0];
    if (first == "--help" || first == "-h") return answer(help_of_bolt());
    if (first == "--version" || first == "-v") return answer(fmt::format("bolt version {}\n", BOLT_VERSION));
    if (first == "__complete") return answer(completion_of(Words(words.begin() + 1, words.end())));
    if (first == "__options") return answer(list_of_options());
    if (first.starts_with('-')) {
        say(fmt::format("unknown option '{}'; options of a command come after it, as in 'bolt run --rm IMAGE'", first));
        return wrong_option;
    }
    if (auto const* const command = find_command(first)) return command->perform(*command, Words(words.begin() + 1, words.end()));
    return is_group(first) ? perform_grouped(words) : refuse_command(first, top_words());
}

} // namespace bolt::cli
