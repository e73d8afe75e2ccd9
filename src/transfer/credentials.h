// What users log in with, as docker login and podman login leave it: containers-auth.json(5).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/path.h"

namespace bolt::transfer {

struct Credentials {
    std::string user, password;
    std::string identity_token; // a refresh token, instead of a password
};

// The files that are looked through, first match first: `chosen` alone when it is given; else $REGISTRY_AUTH_FILE alone; else
// $XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json, $DOCKER_CONFIG/config.json or ~/.docker/config.json.
std::vector<HostPath> credential_files(std::optional<HostPath> const& chosen);

// For a repository on a host: the most exact key in a file's "auths" counts ("host/ns/repo" before "host/ns" before "host").
// None when no file has any. EINVAL names a file that cannot be understood; one that was chosen must exist.
Result<std::optional<Credentials>> find_credentials(std::vector<HostPath> const& files, std::string const& host, std::string const& repository);

// The same in one document, for tests.
Result<std::optional<Credentials>> find_credentials_in(std::string_view document, std::string const& host, std::string const& repository);

} // namespace bolt::transfer
