// Logins written and taken back: what `docker login` and `podman login` do, in the same files.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/path.h"
#include "transfer/credential_programs.h"
#include "transfer/credentials.h"

namespace bolt::transfer {

// Where a login is, for people: "'/home/ann/.config/containers/auth.json'", "credential helper 'pass'".
using LoginPlace = std::string;

// Into the first of credential_files() that has one for this key or names a program for its host, so that the new one counts; else
// into `chosen`, $REGISTRY_AUTH_FILE or ~/.config/containers/auth.json, which is made with mode 0600. `key` is HOST or
// HOST/REPOSITORY.
Result<LoginPlace> store_login(std::optional<HostPath> const& chosen, std::string const& key, Credentials const& credentials, CredentialHelpers* helpers);
// Out of every file, and out of programs. Empty when there was none.
Result<std::vector<LoginPlace>> remove_login(std::optional<HostPath> const& chosen, std::string const& key, CredentialHelpers* helpers);
// The keys that files know something for.
Result<std::set<std::string>> logged_in(std::optional<HostPath> const& chosen);

} // namespace bolt::transfer
