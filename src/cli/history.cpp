// bolt history.
#include <algorithm>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/container_row.h"
#include "cli/image_document.h"
#include "cli/list_format.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "engine/installation.h"
#include "spec/image.h"
#include "store/images.h"
#include "sys/file.h"

namespace bolt::cli {

namespace {

struct HistoryOptions {
    bool human = true, full = false, quiet = false;
    std::string format;
};

constexpr std::string_view history_format = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
constexpr ListColumn history_columns[] = {{"Comment", "COMMENT"}, {"CreatedAt", "CREATED AT"}, {"CreatedBy", "CREATED BY"}, {"CreatedSince", "CREATED"}, {"ID", "IMAGE"}, {"Size", "SIZE"}};
constexpr std::size_t longest_step = 45; // docker's

// A step of the image's making; one that made a layer has its size.
struct Step {
    std::string created_by, comment;
    std::optional<Time> created;
    Bytes size;
};

Result<Step> parse_step(Json const& entry) {
    Step step;
    step.created_by = TRY(entry.string_or("created_by", ""));
    step.comment = TRY(entry.string_or("comment", ""));
    step.created = TRY(spec::find_creation_time(entry));
    return step;
}

// Lowest first. Layers of which the configuration tells nothing are steps without words.
Result<std::vector<Step>> steps_of(spec::ImageDocument const& document, std::vector<std::optional<Bytes>> const& sizes) {
    std::vector<Step> steps;
    std::size_t layer = 0;
    auto const* const history = document.history.find_array();
    for (auto const& entry : history ? *history : Json::Array{}) {
        auto step = TRY(parse_step(entry).while_doing("the image's history"));
        if (!TRY(entry.bool_or("empty_layer", false)) && layer < sizes.size()) step.size = sizes[layer++].value_or(Bytes{});
        steps.push_back(std::move(step));
    }
    for (; layer < sizes.size(); ++layer) steps.push_back({{}, {}, {}, sizes[layer].value_or(Bytes{})});
    return steps;
}

ListRow row_of(Step const& step, std::string const& id, HistoryOptions const& options, Time now) {
    ListRow row;
    // An image's words: a terminal must not obey them. JSON escapes them by itself.
    auto const shown = [&](std::string const& text) { return options.format == "json" ? text : on_one_line(text); };
    row.fields.set("Comment", shown(step.comment)).set("CreatedAt", step.created ? format_rfc3339(*step.created) : "");
    row.fields.set("CreatedBy", options.full ? shown(step.created_by) : shortened(shown(step.created_by), longest_step));
    auto const age = !step.created ? std::string("N/A") : options.human ? format_age(now - *step.created) + " ago" : format_rfc3339(*step.created);
    row.fields.set("CreatedSince", age).set("ID", id).set("Size", options.human ? format_bytes(step.size) : fmt::format("{}", step.size.count));
    return row;
}

Result<int> history(HistoryOptions& options, Words const& words) {
    auto const here = TRY(engine::open_installation());
    auto const image = TRY(store::find_known_image(here.layout, words[0]));
    if (!image) return Error::of(ENOENT, "there is no image '{}'; `bolt images` lists them", words[0]);
    auto const text = TRY(read_file(here.layout.blob(image->id)).while_doing("read the image's configuration"));
    auto const steps = TRY(steps_of(TRY(spec::parse_image_document(text)), TRY(store::layer_sizes(here.layout, *image))));
    auto const now = std::chrono::time_point_cast<Time::duration>(Clock::now());
    auto const id = options.full ? image->id.text() : image->id.brief();
    std::vector<ListRow> rows;
    // Only the newest step is an image of its own.
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) rows.push_back(row_of(*step, step == steps.rbegin() ? id : "<missing>", options, now));
    TRY(print(TRY(format_list(options.quiet ? "{{.ID}}" : options.format, history_format, history_columns, rows))));
    return 0;
}

using set_history = Set<HistoryOptions>;
constexpr Option history_table[] = {
    {"format", 0, "string", "Format output: 'table', 'table TEMPLATE', 'json', or a Go template such as '{{.CreatedBy}}'", set_history::text<&HistoryOptions::format>, "table json"},
    {"human", 'H', "", "Print sizes and dates in human readable format (default true)", set_history::flag<&HistoryOptions::human>},
    {"no-trunc", 0, "", "Don't truncate output", set_history::flag<&HistoryOptions::full>},
    {"quiet", 'q', "", "Only show image IDs", set_history::flag<&HistoryOptions::quiet>},
};

} // namespace

constexpr Command history_command{.name = "history", .arguments = "IMAGE", .summary = "Show the steps that made an image", .options = history_table, .least = 1, .most = 1,
                                  .names = Names::images, .perform = perform<HistoryOptions, history>};

} // namespace bolt::cli
