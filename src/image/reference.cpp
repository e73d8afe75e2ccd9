#include "image/reference.h"

#include <algorithm>
#include <cstdlib>

#include "base/text.h"

namespace bolt::image {

namespace {

bool is_lower_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alphanumeric(char c) { return is_lower_alphanumeric(c) || (c >= 'A' && c <= 'Z'); }

// [a-z0-9]+ joined by one '.', one or two '_', or any number of '-'.
bool is_path_component(std::string_view component) {
    if (component.empty() || !is_lower_alphanumeric(component.front()) || !is_lower_alphanumeric(component.back())) return false;
    for (std::size_t at = 0; at < component.size();) {
        if (is_lower_alphanumeric(component[at])) {
            ++at;
            continue;
        }
        auto const end = std::find_if(component.begin() + static_cast<std::ptrdiff_t>(at), component.end(), is_lower_alphanumeric) - component.begin();
        auto const separator = component.substr(at, static_cast<std::size_t>(end) - at);
        bool const dashes = separator.find_first_not_of('-') == separator.npos;
        if (!dashes && separator != "." && separator != "_" && separator != "__") return false;
        at = static_cast<std::size_t>(end);
    }
    return true;
}

bool is_host_name(std::string_view host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        return host.find_first_not_of("0123456789abcdefABCDEF:", 1) == host.size() - 1;
    for (auto const label : split(host, '.')) {
        if (label.empty() || !is_alphanumeric(label.front()) || !is_alphanumeric(label.back())) return false;
        if (!std::all_of(label.begin(), label.end(), [](char c) { return is_alphanumeric(c) || c == '-'; })) return false;
    }
    return !host.empty();
}

bool is_domain(std::string_view domain) {
    if (domain.size() > 255) return false; // it names a directory of the store
    auto const bracket = domain.rfind(']');
    auto const colon = domain.find(':', bracket == domain.npos ? 0 : bracket);
    if (colon == domain.npos) return is_host_name(domain);
    auto const port = domain.substr(colon + 1);
    auto const number = port.size() <= 5 ? parse_unsigned(port) : Result<std::uint64_t>(Error(ERANGE, ""));
    return is_host_name(domain.substr(0, colon)) && number && number.value() <= 65535;
}

bool is_tag(std::string_view tag) {
    auto const word = [](char c) { return is_alphanumeric(c) || c == '_'; };
    return !tag.empty() && tag.size() <= 128 && word(tag.front()) &&
           std::all_of(tag.begin(), tag.end(), [&](char c) { return word(c) || c == '.' || c == '-'; });
}

constexpr std::size_t longest_repository = 255;
bool is_repository(std::string_view repository) {
    if (repository.empty() || repository.size() > longest_repository) return false;
    auto const components = split(repository, '/');
    return std::all_of(components.begin(), components.end(), is_path_component);
}

// docker's rule for whether the part before the first '/' is a host.
bool looks_like_domain(std::string_view first) {
    return first.find_first_of(".:[") != first.npos || first == "localhost" ||
           std::any_of(first.begin(), first.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

Error bad_repository(std::string_view text, std::string_view repository) {
    bool const has_capitals = std::any_of(repository.begin(), repository.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    return Error::of(EINVAL, "'{}' is not an image name: {}", text,
                     has_capitals ? "repository names are lowercase" : "write [HOST[:PORT]/]NAME[:TAG][@DIGEST]");
}

constexpr std::string_view shipped_scheme = "bolt://";
constexpr std::string_view docker_registry = "docker.io";

} // namespace

NameDefaults NameDefaults::of_environment() {
    NameDefaults defaults;
    auto const* chosen = getenv("BOLT_DEFAULT_REGISTRY");
    if (chosen && *chosen) defaults.registry = chosen;
    return defaults;
}

Result<Reference> Reference::parse(std::string_view text, NameDefaults const& defaults) {
    if (text.empty()) return Error::of(EINVAL, "the image name is empty");
    if (text.size() > 1024) return Error::of(EINVAL, "the image name is {} characters long", text.size());
    Reference reference;
    auto rest = text;
    bool const shipped = rest.starts_with(shipped_scheme);
    if (shipped) rest.remove_prefix(shipped_scheme.size());
    if (auto const at = rest.find('@'); at != rest.npos) {
        reference.digest_ = TRY(Digest::parse(rest.substr(at + 1)));
        rest = rest.substr(0, at);
    }
    auto const last_slash = rest.rfind('/');
    if (auto const colon = rest.rfind(':'); colon != rest.npos && (last_slash == rest.npos || colon > last_slash)) {
        reference.tag_ = rest.substr(colon + 1);
        rest = rest.substr(0, colon);
        if (!is_tag(reference.tag_)) return Error::of(EINVAL, "'{}' is not an image name: '{}' is no tag", text, reference.tag_);
    } else if (!reference.digest_) {
        reference.tag_ = "latest";
    }
    auto const slash = rest.find('/');
    if (shipped) {
        reference.domain_ = "bolt";
    } else if (slash != rest.npos && looks_like_domain(rest.substr(0, slash))) {
        reference.domain_ = rest.substr(0, slash);
        rest = rest.substr(slash + 1);
        if (!is_domain(reference.domain_)) return Error::of(EINVAL, "'{}' is not an image name: '{}' is no host", text, reference.domain_);
        if (reference.domain_ == "index.docker.io") reference.domain_ = docker_registry;
    } else {
        reference.domain_ = defaults.registry;
        if (!is_domain(reference.domain_)) return Error::of(EINVAL, "the default registry '{}' (BOLT_DEFAULT_REGISTRY) is no host", reference.domain_);
        reference.was_short_ = true;
    }
    if (!is_repository(rest)) return bad_repository(text, rest);
    reference.repository_ = rest;
    if (reference.domain_ == docker_registry && reference.repository_.find('/') == std::string::npos) reference.repository_.insert(0, "library/");
    if (reference.repository_.size() > longest_repository) return Error::of(EINVAL, "the image name is {} characters long", reference.repository_.size());
    if (reference.was_short_ && rest.size() == 64 && rest.find_first_not_of("0123456789abcdef") == rest.npos)
        return Error::of(EINVAL, "'{}' is an image's id, not a name", text);
    return reference;
}

Result<Reference> Reference::from_parts(std::string_view domain, std::string_view repository, std::string_view tag) {
    if (!is_domain(domain) || !is_repository(repository) || !is_tag(tag)) return Error::of(EINVAL, "'{}/{}:{}' is not an image name", domain, repository, tag);
    Reference reference;
    reference.domain_ = domain;
    reference.repository_ = repository;
    reference.tag_ = tag;
    return reference;
}

std::optional<Reference> Reference::shipped_namesake() const {
    if (is_shipped()) return *this;
    std::string_view name = repository_;
    if (domain_ == docker_registry && name.starts_with("library/")) name.remove_prefix(8);
    if (!was_short_ || digest_ || name.find('/') != name.npos) return std::nullopt;
    Reference reference;
    reference.domain_ = "bolt";
    reference.repository_ = name;
    reference.tag_ = tag_;
    return reference;
}

Result<Reference> Reference::registry_namesake(NameDefaults const& defaults) const {
    auto name = repository_;
    if (!tag_.empty()) name += ":" + tag_;
    if (digest_) name += "@" + digest_->text();
    return parse(name, defaults);
}

std::string Reference::text() const {
    auto text = is_shipped() ? std::string(shipped_scheme) + repository_ : domain_ + "/" + repository_;
    if (!tag_.empty()) text += ":" + tag_;
    if (digest_) text += "@" + digest_->text();
    return text;
}

std::string Reference::familiar_name() const {
    if (is_shipped()) return std::string(shipped_scheme) + repository_;
    if (domain_ != docker_registry) return domain_ + "/" + repository_;
    return repository_.starts_with("library/") ? repository_.substr(8) : repository_;
}

} // namespace bolt::image
