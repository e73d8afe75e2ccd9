// What users log in with, as docker login and podman login leave it: containers-auth.json(5), docker's config.json.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "sys/path.h"

namespace bolt::transfer {

class CredentialHelpers;

struct Credentials {
    std::string user, password;
    std::string identity_token; // a refresh token, instead of a password
};

// The files that are looked through, first match first: `chosen` alone when it is given; else $REGISTRY_AUTH_FILE alone; else
// $XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json, $DOCKER_CONFIG/config.json or ~/.docker/config.json.
struct CredentialFiles {
    std::vector<HostPath> paths;
    bool are_chosen = false; // by the user: there is one, and it must be there and be read
};
CredentialFiles credential_files(std::optional<HostPath> const& chosen);
// Whether one of them leaves logins to a program.
bool mention_helpers(CredentialFiles const& files);

// For a repository on a host: the most exact key in a file's "auths" counts ("host/ns/repo" before "host/ns" before "host"). A
// program that the file names for the host ("credHelpers", then "credsStore") is asked before that, and the helpers' own order, where they
// have one, says when the files are looked at. None when no file has any.
// EINVAL names a file that cannot be understood; one that was chosen must exist.
Result<std::optional<Credentials>> find_credentials(CredentialFiles const& files, std::string const& host, std::string const& repository, CredentialHelpers* helpers);

// One file's contents.
class CredentialDocument {
public:
    static Result<CredentialDocument> parse(std::string_view text, HostPath const& file);

    Result<std::optional<Credentials>> find(std::string const& host, std::string const& repository) const;
    // The program that has the host's login; "" for none.
    std::string helper_of(std::string const& host) const;
    bool has_helpers() const;
    // What the program knows the host as.
    std::string server_of(std::string const& host) const;

    // `key` is a host or HOST/REPOSITORY.
    bool has(std::string const& key) const;
    void set(std::string const& key, Credentials const& credentials);
    void remove(std::string const& key);
    std::vector<std::string> keys() const; // of everything it knows a login or a program for
    std::string text() const { return document_.dump(Json::Layout::pretty) + "\n"; }

private:
    CredentialDocument(Json document, bool is_dockers) : document_(std::move(document)), is_dockers_(is_dockers) {}
    std::string name_of(std::string const& key) const; // as it stands in "auths", or will
    Json document_;
    bool is_dockers_; // config.json, where docker.io has its oldest address as its name
};

// "host[/repository]" of what a user writes for a registry: "https://host/v1/", "docker.io".
std::string plain_registry(std::string_view text);

} // namespace bolt::transfer
