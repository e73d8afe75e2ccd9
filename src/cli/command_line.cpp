#include "cli/command_line.h"

#include <algorithm>

#include "base/text.h"

namespace bolt::cli {

namespace {

// Edits (a letter more, less, other, or two swapped) from one word to the other.
std::size_t edits_between(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i)
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    return cost[a.size()][b.size()];
}

// Go's strconv.ParseBool.
std::optional<std::string_view> normal_flag(std::string_view value) {
    for (auto const word : {"1", "t", "T", "TRUE", "true", "True"})
        if (value == word) return "true";
    for (auto const word : {"0", "f", "F", "FALSE", "false", "False"})
        if (value == word) return "false";
    return std::nullopt;
}

class Reader {
public:
    Reader(Command const& command, Words const& arguments, void* options) : command_(command), arguments_(arguments), options_(options) {}

    CommandLine read() {
        // Everything is kept as JSON, which has no other bytes.
        for (auto const& argument : arguments_)
            if (!is_utf8(argument)) {
                line_.refusal = CommandLine::Refusal{wrong_option, fmt::format("the argument '{}' is not valid UTF-8", argument)};
                return std::move(line_);
            }
        while (at_ < arguments_.size() && !line_.refusal && !line_.asks_for_help) {
            std::string_view const word = arguments_[at_++];
            if (word == "--") return take_rest();
            if (word.starts_with("--")) read_long(word);
            else if (word.size() > 1 && word[0] == '-') read_letters(word);
            else {
                line_.words.emplace_back(word);
                if (command_.options_end == OptionsEnd::at_first_argument) return take_rest();
            }
        }
        return check();
    }

private:
    CommandLine take_rest() {
        line_.words.insert(line_.words.end(), arguments_.begin() + static_cast<std::ptrdiff_t>(at_), arguments_.end());
        return check();
    }

    CommandLine check() {
        if (line_.refusal || line_.asks_for_help) return std::move(line_);
        auto const count = static_cast<int>(line_.words.size());
        if (count >= command_.least && (command_.most < 0 || count <= command_.most)) return std::move(line_);
        auto const plural = [](int number) { return number == 1 ? "" : "s"; };
        std::string needs;
        if (command_.most == 0) needs = "accepts no arguments";
        else if (command_.least == command_.most) needs = fmt::format("requires {} argument{}", command_.least, plural(command_.least));
        else if (count < command_.least) needs = fmt::format("requires at least {} argument{}", command_.least, plural(command_.least));
        else needs = fmt::format("requires at most {} argument{}", command_.most, plural(command_.most));
        refuse(wrong_arguments, fmt::format("'{0}' {1}: {0}{2} {3}", title(), needs, command_.options.empty() ? "" : " [OPTIONS]", command_.arguments));
        return std::move(line_);
    }

    std::string title() const { return command_.name.empty() ? std::string(trim(command_.program)) : fmt::format("{}{}", command_.program, command_.name); }
    std::string_view short_title() const { return command_.name.empty() ? trim(command_.program) : command_.name; }
    void refuse(int code, std::string text) { line_.refusal = CommandLine::Refusal{code, std::move(text)}; }

    void read_long(std::string_view word) {
        auto const [dashed, value, has_value] = cut(word, '=');
        auto const name = dashed.substr(2);
        auto const* const option = find([&](Option const& known) { return known.name == name; });
        if (!option) {
            if (name == "help") line_.asks_for_help = true;
            else refuse_unknown(dashed);
            return;
        }
        if (has_value) set(*option, dashed, value);
        else if (option->argument.empty()) set(*option, dashed, "true");
        else set_from_next(*option, dashed);
    }

    void read_letters(std::string_view word) {
        for (std::size_t i = 1; i < word.size() && !line_.refusal && !line_.asks_for_help; ++i) {
            char const letter = word[i];
            auto const spelt = fmt::format("-{}", letter);
            auto const* const option = find([&](Option const& known) { return known.letter == letter; });
            if (!option) {
                if (letter == 'h') line_.asks_for_help = true;
                else refuse(wrong_option, fmt::format("unknown option '{0}' in '{1}' ('{2} --help' lists the options of '{3}')", spelt, word, title(), short_title()));
                return;
            }
            auto const rest = word.substr(i + 1);
            if (rest.starts_with('=')) return set(*option, spelt, rest.substr(1));
            if (option->argument.empty()) {
                set(*option, spelt, "true");
                continue;
            }
            return rest.empty() ? set_from_next(*option, spelt) : set(*option, spelt, rest);
        }
    }

    void set_from_next(Option const& option, std::string_view spelt) {
        if (at_ == arguments_.size())
            return refuse(wrong_option, fmt::format("option '{0}' of '{1}' needs an argument: {0} {2}", spelt, title(), option.argument));
        set(option, spelt, arguments_[at_++]);
    }

    void set(Option const& option, std::string_view spelt, std::string_view value) {
        if (option.argument.empty()) {
            auto const normal = normal_flag(value);
            if (!normal) return refuse(wrong_option, fmt::format("option '{}': '{}' is neither true nor false", spelt, value));
            value = *normal;
        }
        if (auto const done = option.set(options_, value); !done) refuse(wrong_option, fmt::format("option '{}': {}", spelt, done.error().text()));
    }

    void refuse_unknown(std::string_view dashed) {
        std::vector<std::string> spelt;
        for (auto const& option : command_.options)
            if (!option.help.empty()) spelt.push_back(fmt::format("--{}", option.name));
        std::vector<std::string_view> const known(spelt.begin(), spelt.end());
        refuse(wrong_option, fmt::format("unknown option '{0}'{1} ('{2} --help' lists the options of '{3}')", dashed, suggestion(dashed, known), title(), short_title()));
    }

    template <typename Wanted>
    Option const* find(Wanted wanted) const {
        auto const found = std::find_if(command_.options.begin(), command_.options.end(), wanted);
        return found == command_.options.end() ? nullptr : &*found;
    }

    Command const& command_;
    Words const& arguments_;
    void* options_;
    std::size_t at_ = 0;
    CommandLine line_;
};

} // namespace

std::optional<std::string_view> nearest(std::string_view word, std::span<std::string_view const> known) {
    std::optional<std::string_view> best;
    auto const letters = word.substr(std::min(word.find_first_not_of('-'), word.size()));
    if (letters.size() < 2) return best;
    std::size_t least = std::clamp<std::size_t>(letters.size() / 3 + 1, 2, 3); // too far away from here on
    for (auto const candidate : known)
        if (auto const edits = edits_between(word, candidate); edits < least) {
            least = edits;
            best = candidate;
        }
    if (best) return best;
    for (auto const candidate : known)
        if (candidate.starts_with(word)) return candidate;
    return best;
}

std::string suggestion(std::string_view word, std::span<std::string_view const> known) {
    auto const found = nearest(word, known);
    return found ? fmt::format("; did you mean '{}'?", *found) : std::string();
}

CommandLine parse_command_line(Command const& command, Words const& arguments, void* options) {
    return Reader(command, arguments, options).read();
}

} // namespace bolt::cli
