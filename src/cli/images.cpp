// bolt images, bolt rmi.
#include <algorithm>
#include <map>
#include <optional>

#include "cli/commands.h"
#include "cli/container_row.h"
#include "cli/filters.h"
#include "cli/image_document.h"
#include "cli/list_format.h"
#include "cli/moments.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "engine/installation.h"
#include "store/images.h"
#include "sys/user_namespace.h"

namespace bolt::cli {

namespace {

struct ImagesOptions {
    bool all = false, quiet = false, full = false, digests = false;
    std::vector<Filter> filters;
    std::string format;
};

constexpr std::string_view images_format = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
constexpr std::string_view digest_table = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
constexpr ListColumn images_columns[] = {
    {"CreatedAt", "CREATED AT"}, {"CreatedSince", "CREATED"}, {"Digest", "DIGEST"}, {"ID", "IMAGE ID"}, {"Repository", "REPOSITORY"}, {"SharedSize", "SHARED SIZE"}, {"Size", "SIZE"}, {"Tag", "TAG"}, {"UniqueSize", "UNIQUE SIZE"},
};
constexpr std::string_view filter_keys[] = {"dangling", "label", "label!", "before", "since", "until", "reference"};

// An image under one of its names; none for one that has lost them all.
struct Named {
    store::Image const* image;
    std::string reference;
};

// How much of an image's layers other images have too. For every layer a file is read: only where it is asked for.
class SharedLayers {
public:
    static Result<SharedLayers> read(store::Layout const& layout, std::vector<store::Image> const& images) {
        SharedLayers shared;
        for (auto const& image : images) {
            auto const sizes = TRY(store::layer_sizes(layout, image)); // lowest first, and the keys topmost first
            for (std::size_t i = 0; i < sizes.size(); ++i) {
                auto& layer = shared.layers_[image.layer_keys[sizes.size() - 1 - i]];
                layer.size = sizes[i].value_or(Bytes());
                ++layer.images;
            }
        }
        return shared;
    }
    Bytes shared_size(store::Image const& image) const {
        Bytes size;
        for (auto const& key : image.layer_keys)
            if (auto const layer = layers_.find(key); layer != layers_.end() && layer->second.images > 1) size.count += layer->second.size.count;
        return size;
    }

private:
    struct Layer {
        Bytes size;
        int images = 0;
    };
    std::map<std::string, Layer, std::less<>> layers_;
};

bool asks_for_shares(std::string_view format) { return format == "json" || format.find("SharedSize") != format.npos || format.find("UniqueSize") != format.npos; }

void add_shares(ListRow& row, store::Image const& image, std::optional<SharedLayers> const& shares) {
    auto const shared = shares ? shares->shared_size(image) : Bytes();
    row.fields.set("SharedSize", shares ? format_bytes(shared) : "N/A").set("UniqueSize", shares ? format_bytes({image.size.count - std::min(shared.count, image.size.count)}) : "N/A");
}

ListRow row_of(Named const& named, Width width, Time now) {
    auto const& image = *named.image;
    auto const name = named.reference.empty() ? ShownName{"<none>", "<none>"} : shown_name(named.reference);
    ListRow row;
    row.labels = image.config.labels;
    row.fields.set("CreatedAt", created_text(image.created)).set("CreatedSince", image.created <= Time() ? "N/A" : format_age(now - image.created) + " ago");
    row.fields.set("Digest", image.repository_digest ? image.repository_digest->text() : "<none>").set("ID", width == Width::full ? image.id.text() : image.id.brief());
    row.fields.set("Repository", name.repository).set("Size", format_bytes(image.size)).set("Tag", name.tag);
    return row;
}

// All that users may write for an image's name; a shipped image's short name is the last part of bolt://NAME.
std::vector<std::string> names_of(std::string const& reference) {
    std::vector<std::string> names{reference, familiar_text(reference), shown_name(reference).repository};
    constexpr std::string_view shipped = "bolt://";
    for (std::size_t known = names.size(), i = 0; i < known; ++i)
        if (names[i].starts_with(shipped)) names.push_back(names[i].substr(shipped.size()));
    return names;
}

Result<bool> parse_truth(Filter const& filter) {
    if (filter.value == "true" || filter.value == "1") return true;
    if (filter.value == "false" || filter.value == "0") return false;
    return Error::of(EINVAL, "filter '{}': '{}' is neither true nor false", filter.key, filter.value);
}

Result<bool> holds(Named const& named, Filter const& filter, std::vector<store::Image> const& all) {
    if (filter.key == "dangling") return TRY(parse_truth(filter)) == named.reference.empty();
    if (filter.key == "label" || filter.key == "label!") return has_label(named.image->config.labels, filter.value) == (filter.key == "label");
    if (filter.key == "until") {
        auto const now = std::chrono::time_point_cast<Time::duration>(Clock::now());
        return named.image->created < TRY(parse_moment(filter.value, now).while_doing("filter 'until'"));
    }
    if (filter.key == "reference") {
        TRY(check_pattern(filter.value).while_doing("filter 'reference'"));
        return !named.reference.empty() && std::ranges::any_of(names_of(named.reference), [&](auto const& text) { return matches_pattern(filter.value, text); });
    }
    for (auto const& other : all) {
        bool is_it = other.id.hex().starts_with(filter.value) || other.id.text().starts_with(filter.value);
        for (auto const& reference : other.references) is_it = is_it || std::ranges::count(names_of(reference), filter.value) > 0;
        if (is_it) return filter.key == "before" ? named.image->created < other.created : named.image->created > other.created;
    }
    return Error::of(ENOENT, "filter '{}': there is no image '{}'", filter.key, filter.value);
}

// docker images NAME[:TAG].
bool is_asked_for(Named const& named, Words const& words) {
    if (words.empty()) return true;
    if (named.reference.empty()) return false;
    auto const wanted = image::Reference::parse(words[0]);
    auto const name = shown_name(named.reference);
    bool const has_tag = words[0].find(':', words[0].rfind('/') == words[0].npos ? 0 : words[0].rfind('/')) != words[0].npos;
    auto const names = names_of(name.repository);
    if (wanted) return std::ranges::count(names, wanted.value().familiar_name()) > 0 && (!has_tag || wanted.value().tag() == name.tag);
    return std::ranges::any_of(names, [&](auto const& text) { return matches_pattern(words[0], text); });
}

Result<std::vector<Named>> choose(std::vector<store::Image> const& all, ImagesOptions const& options, Words const& words) {
    TRY(check_filter_keys(options.filters, filter_keys));
    if (!words.empty()) TRY(check_pattern(words[0]));
    std::vector<Named> chosen;
    for (auto const& image : all) {
        auto references = image.references;
        if (references.empty()) references.emplace_back();
        for (auto const& reference : references) {
            Named const named{&image, reference};
            bool let_through = is_asked_for(named, words);
            for (auto const& filter : options.filters) let_through = let_through && TRY(holds(named, filter, all));
            if (let_through) chosen.push_back(named);
        }
    }
    return chosen;
}

Result<int> images(ImagesOptions& options, Words const& words) {
    auto const here = TRY(engine::open_installation());
    auto const list = TRY(store::list_images(here.layout));
    warn_all(list.warnings);
    auto const now = std::chrono::time_point_cast<Time::duration>(Clock::now());
    auto const shares = asks_for_shares(options.format) ? std::optional(TRY(SharedLayers::read(here.layout, list.images))) : std::nullopt;
    std::vector<ListRow> rows;
    for (auto const& named : TRY(choose(list.images, options, words))) {
        rows.push_back(row_of(named, options.full ? Width::full : Width::brief, now));
        add_shares(rows.back(), *named.image, shares);
    }
    bool const only_ids = options.quiet && (options.format.empty() || options.format == "table");
    TRY(print(TRY(format_list(only_ids ? "{{.ID}}" : options.format, options.digests ? digest_table : images_format, images_columns, rows))));
    return 0;
}

using set_images = Set<ImagesOptions>;
constexpr Option images_table[] = {
    {"all", 'a', "", "Show all images (bolt keeps no intermediate ones)", set_images::flag<&ImagesOptions::all>},
    {"digests", 0, "", "Show digests", set_images::flag<&ImagesOptions::digests>},
    {"filter", 'f', "filter", "Filter output: dangling, label, label!, before, since, until or reference, as KEY=VALUE", set_images::parsed_list<&ImagesOptions::filters, parse_filter>,
     "dangling= label= label!= before= since= until= reference="},
    {"format", 0, "string", "Format output: 'table', 'table TEMPLATE', 'json', or a Go template such as '{{.Repository}}'", set_images::text<&ImagesOptions::format>, "table json"},
    {"no-trunc", 0, "", "Don't truncate output", set_images::flag<&ImagesOptions::full>},
    {"quiet", 'q', "", "Only show image IDs", set_images::flag<&ImagesOptions::quiet>},
};

struct RmiOptions {
    bool force = false;
};

Result<int> remove_images(RmiOptions& options, Words const& words) {
    auto const here = TRY(engine::open_installation());
    TRY(here.layout.prepare());
    // Layers hold files of the user's subordinate ids, which only the user's namespace may delete.
    TRY(enter_user_namespace_of_caller(here.user_namespace_holders));
    int code = 0;
    for (auto const& name : words) {
        auto const removed = store::remove_image(here.layout, name, options.force ? store::Removal::force : store::Removal::refuse_used);
        if (!removed && options.force && removed.error().is(ENOENT)) continue; // as rm(1) has it
        if (!removed) {
            say(removed.error().text());
            code = 1;
            continue;
        }
        std::string text;
        for (auto const& reference : removed.value().untagged) text += fmt::format("Untagged: {}\n", familiar_text(reference));
        for (auto const& digest : removed.value().deleted) text += fmt::format("Deleted: {}\n", digest);
        TRY(print(text));
    }
    return code;
}

constexpr Option rmi_table[] = {
    {"force", 'f', "", "Force removal of the image; one that is not there is no error", Set<RmiOptions>::flag<&RmiOptions::force>},
};

} // namespace

constexpr Command images_command{.name = "images", .arguments = "[REPOSITORY[:TAG]]", .summary = "List images", .options = images_table, .most = 1, .names = Names::images,
                                 .perform = perform<ImagesOptions, images>};
constexpr Command rmi_command{.name = "rmi", .arguments = "IMAGE [IMAGE...]", .summary = "Remove one or more images", .options = rmi_table, .least = 1, .most = -1,
                              .names = Names::images, .perform = perform<RmiOptions, remove_images>};

} // namespace bolt::cli
