#include "transfer/policy.h"

#include <algorithm>
#include <cstdlib>

#include <unistd.h>

#include "base/base64.h"
#include "base/text.h"
#include "sys/file.h"
#include "sys/users.h"
#include "transfer/signatures.h"

namespace bolt::transfer {

namespace {

constexpr std::string_view host_file = "/etc/containers/policy.json", below_home = ".config/containers/policy.json";

// Also where $HOME is not set: a policy must not be lost by that.
std::optional<HostPath> own_file() {
    auto const user = calling_user();
    auto path = user ? HostPath::parse(fmt::format("{}/{}", user.value().home, below_home)) : Result<HostPath>(Error(ENOENT, ""));
    return path ? std::optional(std::move(path).value()) : std::nullopt;
}

// ---- reading

Result<void> allow_only(Json const& object, std::initializer_list<std::string_view> known) {
    if (!object.find_object()) return Error::of(EINVAL, "there is {} where an object is needed", object.kind());
    for (auto const& [key, value] : *object.find_object())
        if (std::ranges::find(known, key) == known.end()) return Error::of(EINVAL, "'{}' is not known", key);
    return {};
}

Result<SignedIdentity> parse_identity(Json const& object) {
    using Match = SignedIdentity::Match;
    auto const type = TRY(object.string_or("type", ""));
    if (type == "exactReference") TRY(allow_only(object, {"type", "dockerReference"}));
    else if (type == "exactRepository") TRY(allow_only(object, {"type", "dockerRepository"}));
    else if (type == "remapIdentity") TRY(allow_only(object, {"type", "prefix", "signedPrefix"}));
    else TRY(allow_only(object, {"type"}));
    if (type == "matchExact") return SignedIdentity{Match::exact, {}, {}, {}};
    if (type == "matchRepoDigestOrExact") return SignedIdentity{};
    if (type == "matchRepository") return SignedIdentity{Match::repository, {}, {}, {}};
    auto const needed = [&](std::string_view field) -> Result<std::string> {
        auto text = TRY(object.string_or(field, ""));
        if (text.empty()) return Error::of(EINVAL, "signedIdentity '{}' has no '{}'", type, field);
        return text;
    };
    SignedIdentity identity;
    if (type == "exactReference") {
        identity.match = Match::given_reference;
        identity.given = TRY(needed("dockerReference"));
    } else if (type == "exactRepository") {
        identity.match = Match::given_repository;
        identity.given = TRY(needed("dockerRepository"));
    } else if (type == "remapIdentity") {
        identity.match = Match::remapped;
        identity.prefix = TRY(needed("prefix"));
        identity.signed_prefix = TRY(needed("signedPrefix"));
        if (identity.prefix.ends_with('/') || identity.signed_prefix.ends_with('/')) return Error::of(EINVAL, "a prefix of remapIdentity ends with '/'");
    } else {
        return Error::of(EINVAL, "signedIdentity '{}' is not known", type);
    }
    return identity;
}

Result<PolicyRequirement> parse_sigstore(Json const& object) {
    for (auto const* const field : {"fulcio", "pki", "rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas"})
        if (object.find(field)) return Error::of(ENOTSUP, "sigstoreSigned with '{}' is not supported: only keys of the signers' own are", field);
    TRY(allow_only(object, {"type", "keyPath", "keyPaths", "keyData", "keyDatas", "signedIdentity"}));
    PolicyRequirement requirement{PolicyRequirement::Kind::sigstore_signed, {}, {}, {}};
    requirement.key_files = TRY(object.strings("keyPaths"));
    if (auto path = TRY(object.find_string("keyPath"))) requirement.key_files.push_back(std::move(*path));
    auto encoded = TRY(object.strings("keyDatas"));
    if (auto data = TRY(object.find_string("keyData"))) encoded.push_back(std::move(*data));
    for (auto const& each : encoded) {
        auto key = decode_base64(each);
        if (!key) return Error::of(EINVAL, "a key of sigstoreSigned is not base64");
        requirement.key_texts.push_back(std::move(*key));
    }
    int kinds = 0;
    for (auto const* const field : {"keyPath", "keyPaths", "keyData", "keyDatas"}) kinds += object.find(field) != nullptr;
    if (kinds != 1 || (requirement.key_files.empty() && requirement.key_texts.empty())) return Error::of(EINVAL, "sigstoreSigned needs one of keyPath, keyPaths, keyData and keyDatas");
    if (auto const* const identity = object.find("signedIdentity")) requirement.identity = TRY(parse_identity(*identity));
    return requirement;
}

Result<PolicyRequirement> parse_requirement(Json const& object) {
    using Kind = PolicyRequirement::Kind;
    auto const type = TRY(object.string_or("type", ""));
    if (type == "sigstoreSigned") return parse_sigstore(object);
    // What it says of keys is not looked at: an image that needs it is not taken.
    if (type == "signedBy") return PolicyRequirement{Kind::gpg_signed, {}, {}, {}};
    if (type != "insecureAcceptAnything" && type != "reject") return Error::of(EINVAL, "requirement '{}' is not known", type);
    TRY(allow_only(object, {"type"}));
    return PolicyRequirement{type == "reject" ? Kind::reject : Kind::accept, {}, {}, {}};
}

Result<std::vector<PolicyRequirement>> parse_requirements(Json const& list) {
    if (!list.find_array() || list.find_array()->empty()) return Error::of(EINVAL, "there is no list of requirements");
    std::vector<PolicyRequirement> requirements;
    for (auto const& each : *list.find_array()) requirements.push_back(TRY(parse_requirement(each)));
    return requirements;
}

// ---- names

// Hosts are the same in capitals, and so are ports with noughts before them.
std::string plain_host(std::string_view domain) {
    auto const [host, port, has_port] = cut(domain, ':');
    auto const digit = port.find_first_not_of('0');
    return in_lower_case(host) + (has_port ? ":" + std::string(digit == port.npos ? "0" : port.substr(digit)) : "");
}

// A scope as names are compared with it.
std::string plain_scope(std::string_view transport, std::string_view scope) {
    if (transport != "docker") return std::string(scope);
    auto const [host, below, has_more] = cut(scope, '/');
    return plain_host(host) + (has_more ? "/" + std::string(below) : "");
}

// A name's own text, its repository, the folders above that, its host, and the domains above the host: containers-policy.json(5), "docker:".
std::vector<std::string> scopes_of(image::Reference const& name) {
    auto repository = plain_host(name.domain()) + "/" + name.repository();
    std::vector<std::string> scopes{name.digest() ? repository + "@" + name.digest()->text() : repository + ":" + name.tag()};
    while (true) {
        scopes.push_back(repository);
        auto const slash = repository.rfind('/');
        if (slash == repository.npos) break;
        repository.resize(slash);
    }
    auto const host = repository.substr(0, repository.find(':')); // the port is no part of a domain
    for (auto dot = host.find('.'); dot != host.npos; dot = host.find('.', dot + 1)) scopes.push_back("*" + host.substr(dot));
    return scopes;
}

// A path, and every directory above it.
std::vector<std::string> scopes_of(std::string_view path) {
    std::vector<std::string> scopes;
    for (; !path.empty(); path = path.substr(0, path.rfind('/'))) scopes.emplace_back(path);
    if (!scopes.empty()) scopes.emplace_back("/");
    return scopes;
}

struct ClaimedName {
    std::string repository, version; // ":TAG", "@DIGEST" or ""
};
// A claim may have no tag, as cosign's have none: another name than the one with ":latest".
std::optional<ClaimedName> parse_claimed(std::string_view text) {
    auto const parsed = image::Reference::parse(text, {});
    if (!parsed) return std::nullopt;
    auto const& name = parsed.value();
    auto const repository = name.domain() + "/" + name.repository();
    if (name.digest()) return ClaimedName{repository, "@" + name.digest()->text()};
    auto const colon = text.rfind(':');
    auto const slash = text.rfind('/');
    bool const has_tag = colon != text.npos && (slash == text.npos || colon > slash);
    return ClaimedName{repository, has_tag ? ":" + name.tag() : std::string()};
}

// "HOST/PATH" under another prefix, whole components replaced.
std::string remap(std::string const& repository, std::string const& prefix, std::string const& by) {
    bool const is_below = repository.starts_with(prefix) && (repository.size() == prefix.size() || repository[prefix.size()] == '/');
    return is_below ? by + repository.substr(prefix.size()) : repository;
}

// ---- deciding

std::string shown_scope(std::string_view transport, std::string_view scope) { return scope.empty() ? std::string(transport) : fmt::format("{}: {}", transport, scope); }

Result<std::vector<image::PublicKey>> read_keys(PolicyRequirement const& requirement) {
    std::vector<image::PublicKey> keys;
    for (auto const& file : requirement.key_files) {
        auto const path = TRY(HostPath::parse(file));
        keys.push_back(TRY(image::PublicKey::parse(TRY(read_file(path))).while_doing("key '{}'", path)));
    }
    for (auto const& text : requirement.key_texts) keys.push_back(TRY(image::PublicKey::parse(text).while_doing("a key in the policy")));
    return keys;
}

// Why it is not as required; none when it is.
Result<std::optional<std::string>> find_fault(Registry& registry, image::Reference const& name, std::span<image::Digest const> digests, PolicyRequirement const& requirement) {
    auto const keys = TRY(read_keys(requirement).while_doing("the policy's sigstoreSigned"));
    int others = 0;
    std::string claimed;
    for (auto const& digest : digests) {
        auto const found = TRY(find_signatures(registry, digest, keys).while_doing("look for signatures"));
        others += found.others;
        for (auto const& signature : found.verified) {
            if (requirement.identity.accepts(name, signature.claim.identity)) return std::optional<std::string>();
            claimed = signature.claim.identity.empty() ? "no name" : "'" + signature.claim.identity + "'";
        }
    }
    if (!claimed.empty()) return std::optional(fmt::format("it is signed, but as {}", claimed));
    if (others > 0) return std::optional(fmt::format("none of its {} signatures is by the required key", others));
    return std::optional(std::string("it has no signature"));
}

} // namespace

bool SignedIdentity::accepts(image::Reference const& name, std::string_view claimed) const {
    auto const said = parse_claimed(claimed);
    if (!said) return false;
    auto const whole = said->repository + said->version;
    auto const repository = name.domain() + "/" + name.repository();
    auto const version = name.digest() ? std::string() : ":" + name.tag();
    // By digest nobody can be given another image than the one asked for: its repository is enough.
    auto const matches = [&](std::string const& own) { return name.digest() ? said->repository == own : whole == own + version; };
    switch (match) {
    case Match::exact: return !name.digest() && whole == repository + version;
    case Match::repository_digest_or_exact: return matches(repository);
    case Match::repository: return said->repository == repository;
    case Match::given_reference: {
        auto const wanted = parse_claimed(given);
        return wanted && !wanted->version.empty() && whole == wanted->repository + wanted->version;
    }
    case Match::given_repository: {
        auto const wanted = parse_claimed(given);
        return wanted && said->repository == wanted->repository;
    }
    case Match::remapped: return matches(remap(repository, prefix, signed_prefix));
    }
    return false;
}

std::optional<HostPath> find_policy_file() {
    if (auto own = own_file(); own && exists(*own)) return own;
    auto host = HostPath::parse(host_file);
    return host && exists(host.value()) ? std::optional(std::move(host).value()) : std::nullopt;
}

Result<HostPath> policy_file_to_write() {
    if (geteuid() == 0) return HostPath::parse(host_file);
    auto own = own_file();
    if (!own) return Error::of(ENOENT, "$HOME is not set; name a file with --policypath");
    return std::move(*own);
}

Result<Policy> Policy::load(std::optional<HostPath> const& chosen) {
    auto const file = chosen ? chosen : find_policy_file();
    Policy policy;
    policy.default_ = {PolicyRequirement{PolicyRequirement::Kind::accept, {}, {}, {}}};
    if (!file) return policy;
    return parse(TRY(read_file(*file)), file->text());
}

Result<void> Policy::read(Json const& document) {
    TRY(allow_only(document, {"default", "transports"}));
    auto const* const fallback = document.find("default");
    if (!fallback) return Error::of(EINVAL, "it has no 'default'");
    default_ = TRY(parse_requirements(*fallback).while_doing("default"));
    auto const* const transports = document.find("transports");
    if (!transports) return {};
    if (!transports->find_object()) return Error::of(EINVAL, "'transports' is {}, not an object", transports->kind());
    for (auto const& [transport, scopes] : *transports->find_object()) {
        if (!scopes.find_object()) return Error::of(EINVAL, "'{}' is {}, not an object", transport, scopes.kind());
        for (auto const& [scope, list] : *scopes.find_object()) {
            auto requirements = TRY(parse_requirements(list).while_doing("{}", shown_scope(transport, scope)));
            bool const is_new = transports_[transport].emplace(plain_scope(transport, scope), std::move(requirements)).second;
            if (!is_new) return Error::of(EINVAL, "{} is there twice", shown_scope(transport, scope));
        }
    }
    return {};
}

Result<Policy> Policy::parse(std::string_view text, std::string file) {
    auto const document = TRY(Json::parse(text).while_doing("the policy in '{}'", file));
    Policy policy;
    policy.file_ = std::move(file);
    TRY(policy.read(document).while_doing("the policy in '{}'", policy.file_));
    return policy;
}

Policy::Found Policy::find(std::string_view transport, std::vector<std::string> const& scopes) const {
    auto const known = transports_.find(transport);
    if (known == transports_.end()) return {&default_, "default"};
    for (auto const& scope : scopes)
        if (auto const found = known->second.find(scope); found != known->second.end()) return {&found->second, shown_scope(transport, scope)};
    auto const rest = known->second.find(std::string_view());
    return rest == known->second.end() ? Found{&default_, "default"} : Found{&rest->second, std::string(transport)};
}

Policy::Found Policy::find(image::Reference const& name) const { return find("docker", scopes_of(name)); }

Result<void> Policy::consider(image::Reference const& name) const {
    using Kind = PolicyRequirement::Kind;
    auto const [requirements, scope] = find(name);
    for (auto const& requirement : *requirements) {
        if (requirement.kind == Kind::reject) return Error::of(EACCES, "the policy in '{}' ({}) rejects '{}'", file_, scope, name.text());
        if (requirement.kind == Kind::gpg_signed)
            return Error::of(EACCES, "the policy in '{}' ({}) asks for a GPG signature (signedBy) of '{}', which is not supported; sigstoreSigned is", file_, scope, name.text());
    }
    return {};
}

Result<void> Policy::admit(Registry& registry, image::Reference const& name, std::span<image::Digest const> digests) const {
    TRY(consider(name));
    auto const [requirements, scope] = find(name);
    for (auto const& requirement : *requirements) {
        auto const fault = requirement.kind == PolicyRequirement::Kind::accept ? std::nullopt : TRY(find_fault(registry, name, digests, requirement));
        if (fault) return Error::of(EACCES, "the policy in '{}' ({}) does not admit '{}': {}", file_, scope, name.text(), *fault);
    }
    return {};
}

Result<void> Policy::admit_file(std::string_view transport, std::string_view path) const {
    auto const [requirements, scope] = find(transport, scopes_of(path));
    bool const is_admitted = std::ranges::all_of(*requirements, [](PolicyRequirement const& requirement) { return requirement.kind == PolicyRequirement::Kind::accept; });
    if (is_admitted) return {};
    bool const is_rejected = std::ranges::any_of(*requirements, [](PolicyRequirement const& requirement) { return requirement.kind == PolicyRequirement::Kind::reject; });
    if (is_rejected) return Error::of(EACCES, "the policy in '{}' ({}) rejects images of {}", file_, scope, transport);
    return Error::of(EACCES, "the policy in '{}' ({}) asks for signatures, which images of {} do not have", file_, scope, transport);
}

} // namespace bolt::transfer
