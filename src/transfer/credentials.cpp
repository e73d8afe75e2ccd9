#include "transfer/credentials.h"

#include <cstdlib>

#include "base/base64.h"
#include "base/json.h"
#include "base/text.h"
#include "sys/file.h"
#include "transfer/credential_programs.h"

namespace bolt::transfer {

namespace {

void add_below(std::vector<HostPath>& files, char const* variable, std::string_view below) {
    auto const* value = getenv(variable);
    if (!value || !*value) return;
    auto const directory = HostPath::absolute(value);
    if (directory) files.push_back(directory.value() / below);
}

Result<Credentials> parse_entry(Json const& entry) {
    Credentials credentials;
    credentials.identity_token = TRY(entry.string_or("identitytoken", ""));
    auto const encoded = TRY(entry.string_or("auth", ""));
    auto const decoded = decode_base64(encoded);
    if (!decoded) return Error::of(EINVAL, "'auth' is not base64");
    auto const [user, password, found] = cut(*decoded, ':');
    credentials.user = found ? user : TRY(entry.string_or("username", ""));
    credentials.password = found ? trim(password) : TRY(entry.string_or("password", ""));
    while (credentials.password.ends_with('\0')) credentials.password.pop_back();
    return credentials;
}

constexpr std::string_view dockers_key = "https://index.docker.io/v1/";

Json const* entries(Json const& document, std::string_view key) {
    auto const* const found = document.find(key);
    return found && found->find_object() ? found : nullptr;
}

Result<std::optional<CredentialDocument>> read_document(HostPath const& file, bool must_exist) {
    auto const text = find_file(file);
    if (!text && text.error().is(EACCES) && !must_exist) return std::optional<CredentialDocument>(); // another user's
    auto const& contents = TRY(Result(text));
    if (!contents && must_exist) return Error::of(ENOENT, "there is no credentials file '{}'", file);
    if (!contents) return std::optional<CredentialDocument>();
    return std::optional(TRY(CredentialDocument::parse(*contents, file)));
}

} // namespace

CredentialFiles credential_files(std::optional<HostPath> const& chosen) {
    if (chosen) return {{*chosen}, true};
    if (auto const* const named = getenv("REGISTRY_AUTH_FILE"); named && *named)
        if (auto file = HostPath::absolute(named)) return {{std::move(file).value()}, true};
    std::vector<HostPath> files;
    add_below(files, "XDG_RUNTIME_DIR", "containers/auth.json");
    add_below(files, "HOME", ".config/containers/auth.json");
    if (getenv("DOCKER_CONFIG"))
        add_below(files, "DOCKER_CONFIG", "config.json");
    else
        add_below(files, "HOME", ".docker/config.json");
    return {std::move(files), false};
}

std::string plain_registry(std::string_view text) {
    for (std::string_view const scheme : {"https://", "http://"})
        if (text.starts_with(scheme)) {
            text.remove_prefix(scheme.size());
            text = text.substr(0, text.find('/'));
        }
    while (text.ends_with('/')) text.remove_suffix(1);
    if (text == "index.docker.io" || text == "registry-1.docker.io" || text == "index.docker.io/v1") text = "docker.io";
    return std::string(text);
}

Result<CredentialDocument> CredentialDocument::parse(std::string_view text, HostPath const& file) {
    auto document = trim(text).empty() ? Json::object() : TRY(Json::parse(text).while_doing("read credentials from '{}'", file));
    if (!document.find_object()) return Error::of(EINVAL, "credentials file '{}' holds {} instead of an object", file, document.kind());
    return CredentialDocument(std::move(document), file.name() == "config.json");
}

Result<std::optional<Credentials>> CredentialDocument::find(std::string const& host, std::string const& repository) const {
    auto const* const auths = entries(document_, "auths");
    if (!auths) return std::optional<Credentials>();
    for (auto wanted = host + "/" + repository;;) {
        for (auto const& [key, entry] : *auths->find_object()) {
            if (plain_registry(key) != wanted) continue;
            auto credentials = TRY(parse_entry(entry).while_doing("entry '{}'", key));
            if (!credentials.user.empty() || !credentials.identity_token.empty()) return std::optional(std::move(credentials));
        }
        auto const slash = wanted.rfind('/');
        if (slash == wanted.npos) return std::optional<Credentials>();
        wanted.erase(slash);
    }
}

std::string CredentialDocument::helper_of(std::string const& host) const {
    if (auto const* const helpers = entries(document_, "credHelpers"))
        for (auto const& [key, name] : *helpers->find_object())
            if (plain_registry(key) == host && name.find_string()) return *name.find_string();
    auto const* const store = document_.find("credsStore");
    return store && store->find_string() ? *store->find_string() : std::string();
}

bool CredentialDocument::has_helpers() const { return entries(document_, "credHelpers") || document_.find("credsStore"); }

std::string CredentialDocument::server_of(std::string const& host) const { return is_dockers_ && host == "docker.io" ? std::string(dockers_key) : host; }

std::string CredentialDocument::name_of(std::string const& key) const {
    if (auto const* const auths = entries(document_, "auths"))
        for (auto const& [name, entry] : *auths->find_object())
            if (plain_registry(name) == key) return name;
    return server_of(key);
}

bool CredentialDocument::has(std::string const& key) const {
    auto const* const auths = entries(document_, "auths");
    return auths && auths->find(name_of(key));
}

void CredentialDocument::set(std::string const& key, Credentials const& credentials) {
    remove(key);
    auto entry = Json::object().set("auth", encode_base64(credentials.user + ":" + credentials.password));
    document_.merge(Json::object().set("auths", Json::object().set(name_of(key), std::move(entry))));
}

void CredentialDocument::remove(std::string const& key) {
    while (has(key)) document_.merge(Json::object().set("auths", Json::object().set(name_of(key), Json())));
}

std::vector<std::string> CredentialDocument::keys() const {
    std::vector<std::string> found;
    for (std::string_view const section : {"auths", "credHelpers"})
        if (auto const* const listed = entries(document_, section))
            for (auto const& [key, entry] : *listed->find_object()) found.push_back(plain_registry(key));
    return found;
}

bool mention_helpers(CredentialFiles const& files) {
    for (auto const& file : files.paths)
        if (auto const document = read_document(file, false); document && document.value() && document.value()->has_helpers()) return true;
    return false;
}

namespace {

Result<std::optional<Credentials>> find_in_files(CredentialFiles const& files, std::string const& host, std::string const& repository, CredentialHelpers* helpers) {
    for (auto const& file : files.paths) {
        auto const document = TRY(read_document(file, files.are_chosen));
        if (!document) continue;
        if (auto const helper = document->helper_of(host); !helper.empty() && helpers)
            if (auto credentials = TRY(helpers->get(helper, document->server_of(host)).while_doing("'{}'", file))) return credentials;
        if (auto credentials = TRY(document->find(host, repository).while_doing("read credentials from '{}'", file))) return credentials;
    }
    return std::optional<Credentials>();
}

} // namespace

Result<std::optional<Credentials>> find_credentials(CredentialFiles const& files, std::string const& host, std::string const& repository, CredentialHelpers* helpers) {
    if (!helpers || helpers->order().empty()) return find_in_files(files, host, repository, helpers);
    // One that fails keeps nobody from asking the next; it is told when none has a login.
    Result<std::optional<Credentials>> none = std::optional<Credentials>();
    for (auto const& name : helpers->order()) {
        auto credentials = name == credential_files_word ? find_in_files(files, host, repository, helpers) : helpers->get(name, host).while_doing("credential-helpers of registries.conf");
        if (credentials && credentials.value()) return credentials;
        if (!credentials && none) none = std::move(credentials);
    }
    return none;
}

} // namespace bolt::transfer
