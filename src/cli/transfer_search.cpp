// bolt-transfer search.
#include "cli/list_format.h"
#include "cli/output.h"
#include "cli/push_words.h"
#include "cli/registry_access.h"
#include "cli/search_options.h"
#include "cli/transfer_command.h"
#include "transfer/search.h"

namespace bolt::cli {

namespace {

constexpr std::size_t usual_limit = 25, shown_description = 44, any_number = static_cast<std::size_t>(-1);
constexpr std::string_view search_keys[] = {"stars", "is-official", "is-automated"};
constexpr ListColumn search_columns[] = {{"Index", "INDEX"}, {"Name", "NAME"}, {"Tag", "TAG"}, {"Description", "DESCRIPTION"}, {"Stars", "STARS"}, {"StarCount", "STARS"}, {"Official", "OFFICIAL"},
                                         {"IsOfficial", "OFFICIAL"}, {"Automated", "AUTOMATED"}, {"IsAutomated", "AUTOMATED"}};

// Where to look, and for what: "registry.example.com/nginx", or a term for every registry that registries.conf has searched.
struct Target {
    image::Reference host; // a name there, of which only the host counts
    std::string term;
};

bool is_host(std::string_view text) { return text.find_first_of(".:") != text.npos || text == "localhost"; }

Result<std::vector<Target>> targets_of(std::string_view text) {
    std::vector<Target> targets;
    auto const [first, rest, has_slash] = cut(text, '/');
    if (has_slash && is_host(first)) {
        auto host = TRY(image::Reference::parse(fmt::format("{}/search", first)));
        targets.push_back({std::move(host), std::string(rest)});
        return targets;
    }
    auto const any = TRY(image::Reference::parse("search"));
    auto const registries = TRY(transfer::Registries::load(any));
    for (auto& meaning : registries.searched(any)) targets.push_back({std::move(meaning), std::string(text)});
    return targets;
}

Result<bool> is_let_through(transfer::SearchFind const& find, std::vector<Filter> const& filters) {
    for (auto const& [key, value] : filters) {
        if (key == "stars") {
            auto const least = TRY(parse_unsigned(value).while_doing("filter 'stars'"));
            if (find.stars < least) return false;
            continue;
        }
        if (value != "true" && value != "false") return Error::of(EINVAL, "filter '{}': '{}' is neither true nor false", key, value);
        if ((key == "is-official" ? find.is_official : find.is_automated) != (value == "true")) return false;
    }
    return true;
}

ListRow row_of(std::string const& host, transfer::SearchFind const& find, bool whole) {
    auto const mark = [](bool is_so) { return is_so ? "[OK]" : ""; };
    ListRow row;
    row.fields.set("Index", host).set("Name", find.name).set("Description", whole ? find.description : shortened(find.description, shown_description)).set("Stars", find.stars);
    row.fields.set("Official", mark(find.is_official)).set("Automated", mark(find.is_automated)).set("StarCount", find.stars).set("IsOfficial", find.is_official).set("IsAutomated", find.is_automated);
    return row;
}

Result<transfer::Registry> open_registry(image::Reference const& name, transfer::Access access, transfer::RegistryOptions options) {
    auto const place = TRY(TRY(transfer::Registries::load(name)).places_of(name, transfer::Registries::Use::push)).front();
    if (place.is_insecure) options.verify = transfer::TlsVerify::no;
    return transfer::Registry(place.reference, access, std::move(options));
}

Result<void> add_finds(Target const& target, SearchWords const& words, transfer::RegistryOptions const& options, std::vector<ListRow>& rows) {
    auto registry = TRY(open_registry(target.host, transfer::Access::catalog, options));
    for (auto const& find : TRY(transfer::search(registry, target.term, words.limit.value_or(usual_limit))))
        if (TRY(is_let_through(find, words.filters))) rows.push_back(row_of(target.host.domain(), find, words.whole));
    return {};
}

Result<void> search_all(SearchWords const& words, std::string const& text, transfer::RegistryOptions const& options) {
    std::vector<ListRow> rows;
    ErrorList errors;
    auto const targets = TRY(targets_of(text));
    for (auto const& target : targets) {
        auto const added = add_finds(target, words, options, rows);
        if (!added && added.error().is(ECANCELED)) return added.error();
        if (!added) errors.push_back(added.error());
    }
    if (errors.size() == targets.size()) return Error::of(errors.front().code(), "{}", join_texts(errors));
    for (auto const& error : errors) warn(error.text());
    return print(TRY(format_list(words.format, "{{.Name}}\t{{.Description}}\t{{.Stars}}\t{{.Official}}", search_columns, rows)));
}

Result<void> print_tags(SearchWords const& words, std::string const& text, transfer::RegistryOptions const& options) {
    if (!words.filters.empty()) return Error::of(EINVAL, "--list-tags takes no --filter");
    auto const name = TRY(parse_destination(text));
    if (name.digest() || text.ends_with(":" + name.tag())) return Error::of(EINVAL, "with --list-tags the name has neither tag nor digest");
    auto registry = TRY(open_registry(name, transfer::Access::pull, options));
    auto const repository = name.domain() + "/" + name.repository();
    std::vector<ListRow> rows;
    for (auto const& tag : TRY(transfer::list_tags(registry, words.limit.value_or(any_number)))) {
        ListRow row;
        row.fields.set("Name", repository).set("Tag", tag);
        rows.push_back(std::move(row));
    }
    return print(TRY(format_list(words.format, "{{.Name}}\t{{.Tag}}", search_columns, rows)));
}

Result<void> search(SearchWords const& words, Words const& names) {
    TRY(check_filter_keys(words.filters, search_keys));
    auto const options = TRY(registry_options(words));
    return words.lists_tags ? print_tags(words, names[0], options) : search_all(words, names[0], options);
}

} // namespace

constexpr Command transfer_search_command{"search", "TERM", "Search registries for images", search_options, 1, 1, OptionsEnd::nowhere, Names::nothing, perform_transfer<SearchWords, search>};

} // namespace bolt::cli
