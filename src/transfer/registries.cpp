#include "transfer/registries.h"

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "base/toml.h"
#include "sys/file.h"

namespace bolt::transfer {

namespace {

std::string home_below(std::string_view below) {
    auto const* const home = getenv("HOME");
    return home && *home ? fmt::format("{}/{}", home, below) : std::string();
}

std::vector<std::string> files_in(std::string const& directory) {
    std::vector<std::string> files;
    auto const path = HostPath::parse(directory);
    auto const names = path ? list_directory(path.value()) : Result<std::vector<std::string>>(path.error());
    if (!names) return files; // most hosts have none
    for (auto const& name : names.value())
        if (name.ends_with(".conf")) files.push_back(directory + "/" + name);
    std::ranges::sort(files);
    return files;
}

// $HOME may be another user's, whose files nobody else has to be able to read.
bool is_the_hosts(std::string const& file) {
    auto const home = home_below("");
    return home.empty() || !file.starts_with(home);
}

std::vector<std::string> configured_files() {
    if (auto const* const chosen = getenv("CONTAINERS_REGISTRIES_CONF"); chosen && *chosen) {
        auto const path = HostPath::absolute(chosen);
        return {path ? path.value().text() : std::string(chosen)};
    }
    auto const own = home_below(".config/containers/registries.conf");
    auto const path = HostPath::parse(own);
    std::vector<std::string> files{path && exists(path.value()) ? own : "/etc/containers/registries.conf"};
    for (auto const& directory : {std::string("/etc/containers/registries.conf.d"), home_below(".config/containers/registries.conf.d")})
        for (auto& file : files_in(directory)) files.push_back(std::move(file));
    files.push_back(home_below(".cache/containers/short-name-aliases.conf"));
    return files;
}

// "repository[:tag][@digest]".
std::string text_below(image::Reference const& reference) {
    auto text = reference.repository();
    if (!reference.tag().empty()) text += ":" + reference.tag();
    if (reference.digest()) text += "@" + reference.digest()->text();
    return text;
}

// Up to where the prefix goes in a name's text, when it does: to the end of a component.
std::optional<std::size_t> match(std::string_view prefix, std::string_view text) {
    auto const is_whole = [&](std::size_t at) { return at == text.size() || text[at] == '/' || text[at] == ':' || text[at] == '@'; };
    if (!prefix.starts_with("*.")) return text.starts_with(prefix) && is_whole(prefix.size()) ? std::optional(prefix.size()) : std::nullopt;
    // In the host, whose port may be the prefix's end or come after it.
    auto const wanted = prefix.substr(1);
    auto const host = text.find('/');
    for (auto at = text.find(wanted, 1); at < host && at != text.npos; at = text.find(wanted, at + 1))
        if (is_whole(at + wanted.size())) return at + wanted.size();
    return std::nullopt;
}

std::string without_end_slash(std::string text) {
    while (text.ends_with('/')) text.pop_back();
    return text;
}

// Most hosts' files have comments and aliases alone, which matter for short names only: parsing them would take longer than asking a
// registry in the same room.
bool says_more_than_aliases(std::string_view text) {
    bool in_aliases = false;
    for (auto const line : split(text, '\n')) {
        auto const said = trim(line);
        if (said.empty() || said.starts_with('#')) continue;
        if (said.starts_with('[')) in_aliases = said.starts_with("[aliases]");
        if (!in_aliases) return true;
    }
    return false;
}

} // namespace

Result<Registries::Entry> Registries::parse_entry(Json const& entry, std::string const& file) {
    Entry parsed;
    parsed.file = file;
    parsed.location = without_end_slash(TRY(entry.string_or("location", "")));
    parsed.prefix = without_end_slash(TRY(entry.string_or("prefix", "")));
    if (parsed.prefix.empty()) parsed.prefix = parsed.location;
    if (parsed.prefix.empty()) return Error::of(EINVAL, "a [[registry]] has neither prefix nor location");
    if (parsed.location.empty() && !parsed.prefix.starts_with("*.")) parsed.location = parsed.prefix;
    parsed.is_insecure = TRY(entry.bool_or("insecure", false));
    parsed.is_blocked = TRY(entry.bool_or("blocked", false));
    bool const digests_alone = TRY(entry.bool_or("mirror-by-digest-only", false));
    auto const* const mirrors = entry.find("mirror");
    if (!mirrors || !mirrors->find_array()) return parsed;
    for (auto const& each : *mirrors->find_array()) {
        Mirror mirror;
        mirror.location = without_end_slash(TRY(each.string_or("location", "")));
        mirror.used_for = TRY(each.string_or("pull-from-mirror", digests_alone ? "digest-only" : "all"));
        mirror.is_insecure = TRY(each.bool_or("insecure", false));
        if (mirror.location.empty()) return Error::of(EINVAL, "a mirror of '{}' has no location", parsed.prefix);
        if (mirror.used_for != "all" && mirror.used_for != "digest-only" && mirror.used_for != "tag-only")
            return Error::of(EINVAL, "pull-from-mirror of '{}' is '{}'; there are all, digest-only and tag-only", mirror.location, mirror.used_for);
        parsed.mirrors.push_back(std::move(mirror));
    }
    return parsed;
}

namespace {
Result<void> check_alias(std::string const& value) {
    auto const slash = value.rfind('/');
    bool const has_tag = value.find(':', slash == value.npos ? 0 : slash) != value.npos;
    if (has_tag || value.find('@') != value.npos) return Error::of(EINVAL, "'{}' has a tag or a digest, which an alias may not", value);
    return {};
}
} // namespace

Result<void> Registries::add(Json const& document, std::string const& file) {
    if (auto const* const old = document.find("registries"); old && old->find_object())
        return Error::of(EINVAL, "'{}' has version 1 of the format ([registries.search]); write version 2, see containers-registries.conf(5)", file);
    auto const adding = [&]() -> Result<void> {
        if (document.find("unqualified-search-registries")) searched_ = TRY(document.strings("unqualified-search-registries"));
        short_name_mode_ = TRY(document.string_or("short-name-mode", short_name_mode_));
        if (!short_name_mode_.empty() && short_name_mode_ != "enforcing" && short_name_mode_ != "permissive" && short_name_mode_ != "disabled")
            return Error::of(EINVAL, "short-name-mode is '{}'; there are enforcing, permissive and disabled", short_name_mode_);
        for (auto& [name, value] : TRY(document.string_map("aliases"))) {
            if (!value.empty()) TRY(check_alias(value).while_doing("alias '{}'", name));
            aliases_[name] = std::move(value);
        }
        auto const* const listed = document.find("registry");
        if (!listed || !listed->find_array()) return {};
        for (auto const& each : *listed->find_array()) {
            auto entry = TRY(parse_entry(each, file));
            std::erase_if(entries_, [&](auto const& other) { return other.prefix == entry.prefix && other.file != file; });
            for (auto const& other : entries_)
                if (other.prefix == entry.prefix && (other.is_blocked != entry.is_blocked || other.is_insecure != entry.is_insecure))
                    return Error::of(EINVAL, "registry '{}' is there twice, and 'blocked' or 'insecure' is not the same", entry.prefix);
            entries_.push_back(std::move(entry));
        }
        return {};
    };
    return adding().while_doing("'{}'", file);
}

Result<Registries> Registries::load(image::Reference const& reference) {
    Registries registries;
    for (auto const& file : configured_files()) {
        auto const path = HostPath::parse(file);
        auto const text = path ? find_file(path.value()) : Result<std::optional<std::string>>(std::nullopt);
        if (!text && is_the_hosts(file)) return text.error(); // it may say what is blocked
        if (!text || !text.value()) continue;                 // not there, or another user's
        if (!reference.was_short() && !says_more_than_aliases(*text.value())) continue;
        TRY(registries.add(TRY(parse_toml(*text.value(), file)), file));
    }
    return registries;
}

Result<std::vector<std::string>> Registries::load_credential_helpers() {
    constexpr std::string_view key = "credential-helpers";
    std::vector<std::string> helpers;
    for (auto const& file : configured_files()) {
        auto const path = HostPath::parse(file);
        auto const text = path ? find_file(path.value()) : Result<std::optional<std::string>>(std::nullopt);
        if (!text || !text.value() || text.value()->find(key) == text.value()->npos) continue;
        auto const document = TRY(parse_toml(*text.value(), file));
        if (document.find(key)) helpers = TRY(document.strings(key).while_doing("'{}'", file));
    }
    return helpers;
}

Result<std::vector<image::Reference>> Registries::meanings_of(image::Reference const& reference) const {
    std::vector<image::Reference> meanings;
    bool const is_decided = getenv("BOLT_DEFAULT_REGISTRY") != nullptr;
    if (!reference.was_short() || reference.is_shipped() || is_decided) return std::vector{reference};
    auto const name = reference.familiar_name();
    auto const after = text_below(reference).substr(reference.repository().size());
    if (auto const alias = aliases_.find(name); alias != aliases_.end() && !alias->second.empty()) {
        meanings.push_back(TRY(image::Reference::parse(alias->second + after).while_doing("the alias '{}'", name)));
        return meanings;
    }
    for (auto const& registry : searched_) meanings.push_back(TRY(image::Reference::parse(fmt::format("{}/{}{}", registry, name, after)).while_doing("unqualified-search-registries: '{}'", registry)));
    if (meanings.size() > 1 && short_name_mode_ == "enforcing") {
        std::vector<std::string> names;
        for (auto const& meaning : meanings) names.push_back("'" + meaning.text() + "'");
        return Error::of(EINVAL, "'{}' names no registry, and short-name-mode is enforcing; write one of {}", name, join(names, ", "));
    }
    if (meanings.empty()) meanings.push_back(reference);
    return meanings;
}

std::vector<image::Reference> Registries::searched(image::Reference const& reference) const {
    std::vector<image::Reference> names;
    for (auto const& registry : getenv("BOLT_DEFAULT_REGISTRY") ? std::vector<std::string>() : searched_)
        if (auto name = image::Reference::parse(fmt::format("{}/{}", registry, reference.familiar_name()))) names.push_back(std::move(name).value());
    if (names.empty()) names.push_back(reference);
    return names;
}

RegistryOptions Registries::Place::adapt(RegistryOptions options) const {
    if (is_insecure) options.verify = TlsVerify::no;
    if (!is_asked_host) options.credentials.reset();
    return options;
}

Registries::Entry const* Registries::find(image::Reference const& reference) const {
    auto const text = reference.domain() + "/" + text_below(reference);
    Entry const* best = nullptr;
    for (auto const& entry : entries_)
        if (match(entry.prefix, text) && (!best || entry.prefix.size() > best->prefix.size())) best = &entry;
    return best;
}

Result<std::vector<Registries::Place>> Registries::places_of(image::Reference const& reference, Use use) const {
    std::vector<Place> places;
    auto const* const entry = reference.is_shipped() ? nullptr : find(reference);
    if (!entry) return std::vector{Place{reference}};
    if (entry->is_blocked) return Error::of(EPERM, "registry '{}' is blocked in '{}'", entry->prefix, entry->file);
    if (use == Use::push) return std::vector{Place{reference, entry->is_insecure}};
    auto const text = reference.domain() + "/" + text_below(reference);
    auto const rest = text.substr(*match(entry->prefix, text));
    auto const moved = [&](std::string const& location, bool is_insecure) -> Result<Place> {
        auto place = TRY(image::Reference::parse(location.empty() ? text : location + rest).while_doing("'{}', location '{}'", entry->file, location));
        // It would be docker.io's folder of that name, which may be anybody's.
        if (place.was_short()) return Error::of(EINVAL, "'{}': location '{}' names no host; write one with a dot or a port", entry->file, location);
        bool const is_asked_host = place.domain() == reference.domain();
        return Place{std::move(place), is_insecure, is_asked_host};
    };
    for (auto const& mirror : entry->mirrors) {
        bool const is_meant = mirror.used_for == "all" || (mirror.used_for == "digest-only") == reference.digest().has_value();
        if (is_meant) places.push_back(TRY(moved(mirror.location, mirror.is_insecure)));
    }
    places.push_back(TRY(moved(entry->location, entry->is_insecure)));
    return places;
}

} // namespace bolt::transfer
