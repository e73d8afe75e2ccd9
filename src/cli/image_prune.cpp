// bolt image prune.
#include <unistd.h>

#include "cli/commands.h"
#include "cli/filters.h"
#include "cli/image_document.h"
#include "cli/moments.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "engine/installation.h"
#include "store/images.h"
#include "sys/user_namespace.h"

namespace bolt::cli {

namespace {

struct PruneOptions {
    bool all = false, force = false;
    std::vector<Filter> filters;
};
constexpr std::string_view prune_filter_keys[] = {"until", "label", "label!"};

// Everybody but somebody at a terminal is taken at their word.
bool is_confirmed(PruneOptions const& options) {
    if (options.force) return true;
    auto const what = options.all ? "all images that no container was made from" : "all images without a name";
    if (!print(fmt::format("This removes {}. Are you sure? [y/N] ", what))) return false;
    std::string answer;
    char letter = 0;
    while (read(STDIN_FILENO, &letter, 1) == 1 && letter != '\n') answer += letter;
    return answer == "y" || answer == "Y" || answer == "yes";
}

Result<bool> holds(store::Image const& image, Filter const& filter) {
    auto const now = std::chrono::time_point_cast<Time::duration>(Clock::now());
    if (filter.key == "until") return image.created < TRY(parse_moment(filter.value, now).while_doing("filter 'until'"));
    return has_label(image.config.labels, filter.value) == (filter.key == "label");
}

Result<bool> is_meant(store::Image const& image, PruneOptions const& options) {
    if (!options.all && !image.references.empty()) return false;
    for (auto const& filter : options.filters)
        if (!TRY(holds(image, filter))) return false;
    return true;
}

Result<int> prune(PruneOptions& options, Words const&) {
    TRY(check_filter_keys(options.filters, prune_filter_keys));
    auto const here = TRY(engine::open_installation());
    auto const list = TRY(store::list_images(here.layout));
    for (auto const& warning : list.warnings) warn(warning);
    std::vector<store::Image const*> meant;
    for (auto const& image : list.images)
        if (TRY(is_meant(image, options))) meant.push_back(&image);
    if (!is_confirmed(options)) return 0;
    TRY(here.layout.prepare());
    // Layers hold files of the user's subordinate ids, which only the user's namespace may delete.
    TRY(enter_user_namespace_of_caller(here.user_namespace_holders));
    Bytes freed;
    std::string text;
    for (auto const* const image : meant) {
        auto const removed = store::remove_image(here.layout, image->id.text(), options.all ? store::Removal::of_unused : store::Removal::of_nameless);
        if (!removed && (removed.error().is(EBUSY) || removed.error().is(ENOENT))) continue; // used, removed or named meanwhile
        auto const& gone = TRY(Result(removed));
        freed.count += gone.freed.count;
        for (auto const& reference : gone.untagged) text += fmt::format("untagged: {}\n", familiar_text(reference));
        for (auto const& digest : gone.deleted) text += fmt::format("deleted: {}\n", digest);
    }
    if (!text.empty()) text = "Deleted Images:\n" + text + "\n";
    TRY(print(fmt::format("{}Total reclaimed space: {}\n", text, format_bytes(freed))));
    return 0;
}

using set_image_prune = Set<PruneOptions>;
constexpr Option image_prune_table[] = {
    {"all", 'a', "", "Remove all images that no container was made from, not only those without a name", set_image_prune::flag<&PruneOptions::all>},
    {"filter", 0, "filter", "Only what is meant: until, label or label!, as KEY=VALUE", set_image_prune::parsed_list<&PruneOptions::filters, parse_filter>, "until= label= label!="},
    {"force", 'f', "", "Do not ask", set_image_prune::flag<&PruneOptions::force>},
};

} // namespace

constexpr Command image_prune_command{.name = "image prune", .arguments = "", .summary = "Remove unused images", .options = image_prune_table, .perform = perform<PruneOptions, prune>};

} // namespace bolt::cli
