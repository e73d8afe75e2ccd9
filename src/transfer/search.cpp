#include "transfer/search.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "transfer/challenge.h"
#include "transfer/registries.h"

namespace bolt::transfer {

namespace {

constexpr int most_listed_pages = 1000;

// Docker's images have no folder in its own search.
std::string full_name(Registry const& registry, std::string const& name) {
    bool const is_official = registry.host() == "docker.io" && name.find('/') == name.npos;
    return registry.host() + (is_official ? "/library/" : "/") + name;
}

Result<std::vector<SearchFind>> parse_results(Registry const& registry, std::string const& body, std::size_t limit) {
    std::vector<SearchFind> finds;
    auto const document = TRY(Json::parse(body).while_doing("the search of registry '{}'", registry.host()));
    auto const* const results = document.find("results");
    if (!results || !results->find_array()) return Error::of(EPROTO, "the search of registry '{}' has no 'results'", registry.host());
    for (auto const& each : *results->find_array()) {
        if (finds.size() == limit) break;
        SearchFind find;
        find.name = full_name(registry, without_controls(TRY(each.string_or("name", ""))));
        find.description = without_controls(TRY(each.string_or("description", "")));
        find.stars = TRY(each.unsigned_or("star_count", 0));
        find.is_official = TRY(each.bool_or("is_official", false));
        find.is_automated = TRY(each.bool_or("is_automated", false));
        finds.push_back(std::move(find));
    }
    return finds;
}

// The lists in `field` of every page; none when the registry does not answer with one.
Result<std::optional<std::vector<std::string>>> list_pages(Registry& registry, std::string address, std::string_view field, std::function<bool(std::vector<std::string> const&)> const& is_enough) {
    std::vector<std::string> all;
    for (int pages = 0; !address.empty(); ++pages) {
        if (pages == most_listed_pages) return Error::of(EPROTO, "registry '{}' has no end of pages", registry.host());
        HttpRequest request;
        request.url = address;
        auto const response = TRY(registry.send(request));
        if (response.head.status != 200) return std::optional<std::vector<std::string>>();
        auto const document = TRY(Json::parse(response.body).while_doing("registry '{}'", registry.host()));
        for (auto const& each : TRY(document.strings(field))) all.push_back(without_controls(each));
        if (is_enough(all)) break;
        address = TRY(registry.next_page(response.head, request.url));
    }
    return std::optional(std::move(all));
}

} // namespace

Result<std::vector<SearchFind>> search(Registry& registry, std::string_view term, std::size_t limit) {
    // A registry that asks for a login may search without: what it says of that is told only when nothing else helps.
    auto const greeted = registry.greet();
    if (!greeted && !greeted.error().is(EACCES)) return greeted.error();
    HttpRequest request;
    request.url = fmt::format("{}/v1/search?q={}&n={}", registry.search_origin(), percent_encode(term), limit);
    auto const response = registry.send(request);
    if (response && response.value().head.status == 200 && response.value().head.header("content-type").starts_with("application/json")) return parse_results(registry, response.value().body, limit);
    if (response && is_worth_retrying(response.value().head.status)) return registry.explain(response.value().head.status, response.value().body, "a search");
    TRY(Result<void>(greeted));
    auto const has_term = [&](std::string const& name) { return name.find(term) != name.npos; };
    auto const names = TRY(list_pages(registry, "/_catalog?n=1000", "repositories", [&](auto const& all) { return static_cast<std::size_t>(std::ranges::count_if(all, has_term)) >= limit; }));
    if (!names) return Error::of(ENOTSUP, "registry '{}' offers neither a search nor a list of its repositories", registry.host());
    std::vector<SearchFind> finds;
    for (auto const& name : *names)
        if (has_term(name) && finds.size() < limit) finds.push_back({full_name(registry, name), {}, 0, false, false});
    return finds;
}

Result<std::vector<std::string>> list_tags(Registry& registry, std::size_t limit) {
    TRY(registry.greet());
    auto tags = TRY(list_pages(registry, "/tags/list?n=1000", "tags", [&](auto const& all) { return all.size() >= limit; }));
    if (!tags) return registry.explain(404, "", fmt::format("'{}'", registry.name()));
    if (tags->size() > limit) tags->resize(limit);
    std::ranges::sort(*tags); // docker-registry 2.8 has them in no order
    return std::move(*tags);
}

namespace {
Result<std::vector<image::Reference>> with_tags(image::Reference const& name, std::vector<std::string> const& tags) {
    if (tags.empty()) return Error::of(ENOENT, "'{}' has no tags", name.familiar_name());
    std::vector<image::Reference> all;
    for (auto const& tag : tags) all.push_back(TRY(image::Reference::from_parts(name.domain(), name.repository(), tag)));
    return all;
}
} // namespace

Result<std::vector<image::Reference>> find_all_tags(image::Reference const& repository, RegistryOptions const& options) {
    auto const registries = TRY(Registries::load(repository));
    ErrorList errors;
    for (auto const& meaning : TRY(registries.meanings_of(repository)))
        for (auto const& place : TRY(registries.places_of(meaning, Registries::Use::pull))) {
            Registry registry(place.reference, Access::pull, place.adapt(options));
            auto const tags = list_tags(registry, std::numeric_limits<std::size_t>::max());
            if (tags) return with_tags(meaning, tags.value());
            if (tags.error().is(ECANCELED)) return tags.error();
            errors.push_back(tags.error());
        }
    return Error::of(errors.front().code(), "{}", join_texts(errors));
}

} // namespace bolt::transfer
