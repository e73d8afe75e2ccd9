#include "cli/complete.h"

#include <algorithm>
#include <optional>

#include "cli/commands.h"
#include "engine/containers.h"
#include "engine/installation.h"
#include "store/images.h"

namespace bolt::cli {

namespace {

class Offer {
public:
    explicit Offer(std::string begun) : begun_(std::move(begun)) {}
    void add(std::string_view word, std::string_view description = {}) {
        if (!word.starts_with(begun_)) return;
        text_ += word;
        if (!description.empty()) text_ += fmt::format("\t{}", description);
        text_ += '\n';
    }
    void add_directive(std::string_view directive) { text_ += fmt::format("{}\n", directive); }
    std::string take() { return std::move(text_); }

private:
    std::string begun_;
    std::string text_;
};

void offer_commands(Offer& offer) {
    for (auto const* const command : all_commands()) offer.add(command->name, command->summary);
    for (auto const& group : command_groups()) offer.add(group.name, group.summary);
}

// `prefix` stands before the value: "--network=" where the shell takes both for one word.
void offer_values(Offer& offer, Option const& option, std::string const& prefix) {
    if (option.values == offers_files) return offer.add_directive(":files");
    bool goes_on = false;
    for (auto const value : split(option.values, ' ')) {
        if (value.empty()) continue;
        offer.add(prefix + std::string(value));
        goes_on = goes_on || value.ends_with('=');
    }
    if (goes_on) offer.add_directive(":nospace");
}

void offer_options(Offer& offer, Command const& command) {
    for (auto const& option : command.options)
        if (!option.help.empty()) offer.add(fmt::format("--{}", option.name), option.help);
    offer.add("--help", "Print a short help");
}

bool is_offered(engine::Container const& container, Names names) {
    bool const runs = container.state.status == monitor::Status::running;
    return names == Names::containers || (names == Names::running_containers) == runs;
}

void offer_containers(Offer& offer, Names names) {
    auto const here = engine::open_installation();
    auto const listing = here ? engine::list_containers(here.value()) : Result<engine::Listing>(here.error());
    if (!listing) return;
    for (auto const& container : listing.value().containers)
        if (is_offered(container, names)) offer.add(container.record.name, container.record.image);
}

void offer_images(Offer& offer) {
    auto const layout = store::Layout::of_calling_user();
    auto const list = layout ? store::list_images(layout.value()) : Result<store::ImageList>(layout.error());
    if (!list) return;
    for (auto const& image : list.value().images) {
        for (auto const& text : image.references)
            if (auto const reference = image::Reference::parse(text); reference && !reference.value().tag().empty())
                offer.add(fmt::format("{}:{}", reference.value().familiar_name(), reference.value().tag()));
        if (image.references.empty()) offer.add(image.id.brief());
    }
}

void offer_names(Offer& offer, Names names) {
    switch (names) {
    case Names::nothing: return;
    case Names::images: return offer_images(offer);
    case Names::commands: return offer_commands(offer);
    case Names::files: return offer.add_directive(":files");
    case Names::containers_and_images: offer_images(offer); return offer_containers(offer, Names::containers);
    default: return offer_containers(offer, names);
    }
}

// The option whose value comes next, when `word` is one that has none in it; nullptr otherwise.
Option const* find_awaiting(Command const& command, std::string_view word) {
    if (!word.starts_with('-') || word.size() < 2 || word == "--") return nullptr;
    for (auto const& option : command.options) {
        if (option.argument.empty()) continue;
        if (word.starts_with("--") ? word.substr(2) == option.name : option.letter != 0 && word.find(option.letter) == word.size() - 1) return &option;
    }
    return nullptr;
}

// Where the words before the last one leave us.
struct Position {
    Option const* awaiting = nullptr;
    int arguments = 0;
    bool options_ended = false;
};

Position position_after(Command const& command, Words const& words, std::size_t first) {
    Position position;
    for (std::size_t i = first; i + 1 < words.size(); ++i) {
        if (std::exchange(position.awaiting, nullptr)) continue;
        auto const& word = words[i];
        if (!position.options_ended && word == "--") {
            position.options_ended = true;
        } else if (!position.options_ended && word.starts_with('-') && word != "-") {
            position.awaiting = find_awaiting(command, word);
        } else {
            ++position.arguments;
            if (command.options_end == OptionsEnd::at_first_argument) position.options_ended = true;
        }
    }
    return position;
}

std::string complete_command(Command const& command, Words const& words, std::size_t first) {
    auto const& word = words.back();
    auto const position = position_after(command, words, first);
    Offer offer(word);
    auto const equals = word.find('=');
    auto const* const with_value = position.options_ended || !word.starts_with("--") || equals == word.npos ? nullptr : find_awaiting(command, word.substr(0, equals));
    if (position.awaiting)
        offer_values(offer, *position.awaiting, "");
    else if (with_value)
        offer_values(offer, *with_value, word.substr(0, equals + 1));
    else if (word.starts_with('-') && !position.options_ended)
        offer_options(offer, command);
    else if (command.options_end == OptionsEnd::at_first_argument && position.arguments > 0)
        offer.add_directive(":files"); // a command of its own
    else if (command.most < 0 || position.arguments < command.most)
        offer_names(offer, command.names);
    return offer.take();
}

} // namespace

std::string completion_of(Words const& words) {
    Offer offer(words.empty() ? "" : words.back());
    if (words.size() < 2) {
        offer_commands(offer);
        if (!words.empty() && words[0].starts_with('-')) offer.add("--help"), offer.add("--version");
        return offer.take();
    }
    if (auto const* const command = find_command(words[0])) return complete_command(*command, words, 1);
    for (auto const& entry : grouped_commands()) {
        if (entry.group != words[0]) continue;
        if (words.size() == 2) offer.add(entry.word, entry.command->summary);
        if (words.size() > 2 && entry.word == words[1]) return complete_command(*entry.command, words, 2);
    }
    return offer.take();
}

} // namespace bolt::cli
