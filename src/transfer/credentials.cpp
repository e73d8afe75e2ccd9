#include "transfer/credentials.h"

#include <cstdlib>

#include "base/base64.h"
#include "base/json.h"
#include "base/text.h"
#include "sys/file.h"
#include "transfer/challenge.h"

namespace bolt::transfer {

namespace {

void add_below(std::vector<HostPath>& files, char const* variable, std::string_view below) {
    auto const* value = getenv(variable);
    auto const directory = HostPath::parse(value ? value : "");
    if (directory) files.push_back(directory.value() / below);
}

// Keys have been written as "https://index.docker.io/v1/" and "host:port" alike.
std::string plain_host(std::string_view key) {
    for (std::string_view const scheme : {"https://", "http://"})
        if (key.starts_with(scheme)) {
            key.remove_prefix(scheme.size());
            key = key.substr(0, key.find('/'));
        }
    while (key.ends_with('/')) key.remove_suffix(1);
    if (key == "index.docker.io" || key == "registry-1.docker.io") key = "docker.io";
    return std::string(key);
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

} // namespace

std::vector<HostPath> credential_files(std::optional<HostPath> const& chosen) {
    std::vector<HostPath> files;
    if (chosen) return {*chosen};
    add_below(files, "REGISTRY_AUTH_FILE", ".");
    if (!files.empty()) return {HostPath::parse(getenv("REGISTRY_AUTH_FILE")).value()};
    add_below(files, "XDG_RUNTIME_DIR", "containers/auth.json");
    add_below(files, "HOME", ".config/containers/auth.json");
    if (getenv("DOCKER_CONFIG"))
        add_below(files, "DOCKER_CONFIG", "config.json");
    else
        add_below(files, "HOME", ".docker/config.json");
    return files;
}

Result<std::optional<Credentials>> find_credentials_in(std::string_view text, std::string const& host, std::string const& repository) {
    auto const document = TRY(Json::parse(text));
    auto const* auths = document.find("auths");
    if (!auths || !auths->find_object()) return std::optional<Credentials>();
    for (auto wanted = host + "/" + repository;;) {
        for (auto const& [key, entry] : *auths->find_object()) {
            if (plain_host(key) != wanted) continue;
            auto credentials = TRY(parse_entry(entry).while_doing("entry '{}'", key));
            if (!credentials.user.empty() || !credentials.identity_token.empty()) return std::optional(std::move(credentials));
        }
        auto const slash = wanted.rfind('/');
        if (slash == wanted.npos) return std::optional<Credentials>();
        wanted.erase(slash);
    }
}

Result<std::optional<Credentials>> find_credentials(std::vector<HostPath> const& files, std::string const& host, std::string const& repository) {
    for (auto const& file : files) {
        auto const text = find_file(file);
        if (!text && text.error().is(EACCES)) continue; // another user's
        auto const& contents = TRY(Result(text));
        if (!contents && files.size() == 1) return Error::of(ENOENT, "there is no credentials file '{}'", file);
        if (!contents) continue;
        if (auto credentials = TRY(find_credentials_in(*contents, host, repository).while_doing("read credentials from '{}'", file))) return credentials;
    }
    return std::optional<Credentials>();
}

} // namespace bolt::transfer
