#include "catch.h"

#include <set>

#include "cli/commands.h"
#include "cli/help.h"
#include "cli/output.h"

using namespace bolt;
using namespace bolt::cli;

TEST_CASE("no command has an option twice") {
    for (auto const* const command : all_commands()) {
        std::set<std::string_view> names;
        std::set<char> letters;
        for (auto const& option : command->options) {
            INFO(command->name << " --" << option.name);
            CHECK(names.insert(option.name).second);
            CHECK((option.letter == 0 || letters.insert(option.letter).second));
            CHECK(option.set != nullptr);
        }
        CHECK(command->perform != nullptr);
        CHECK(find_command(command->name) == command);
    }
}

TEST_CASE("help names every option and fits into 80 columns") {
    for (auto const* const command : all_commands()) {
        auto const text = help_of(*command);
        for (auto const& option : command->options)
            if (!option.help.empty()) CHECK(text.find("--" + std::string(option.name)) != std::string::npos);
        for (auto const line : split(text, '\n')) {
            INFO(line);
            CHECK((width_of(line) <= 80 || line.starts_with("Usage") || line.find(", bolt ") != line.npos));
        }
    }
    for (auto const* const command : all_commands()) CHECK(help_of_bolt().find("  " + std::string(command->name)) != std::string::npos);
}

TEST_CASE("the list of options has a line for each, and no hidden ones") {
    auto const list = list_of_options();
    CHECK(list.find("run\t--publish\n") != std::string::npos);
    CHECK(list.find("run\t--net\n") == std::string::npos);
    CHECK(list.find("create\t--detach\n") == std::string::npos);
}
