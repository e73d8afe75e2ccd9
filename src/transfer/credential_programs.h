// Programs that keep logins for others, as docker-credential-secretservice does: the protocol of docker-credential-helpers.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "sys/channel.h"
#include "sys/process.h"
#include "transfer/credentials.h"

namespace bolt::transfer {

// Runs docker-credential-NAME programs from a process that stays outside the user's user namespace: inside, where everybody is
// user 0, a keyring's service would not know them. Calls may come from any thread.
class CredentialHelpers {
public:
    // Before any thread, and before the user namespace is entered.
    static Result<std::unique_ptr<CredentialHelpers>> start();

    // None when the helper knows nothing of the server. ENOENT when there is no such program, EIO for its own words.
    Result<std::optional<Credentials>> get(std::string const& helper, std::string const& server);
    Result<void> store(std::string const& helper, std::string const& server, Credentials const& credentials);
    Result<void> erase(std::string const& helper, std::string const& server);

private:
    CredentialHelpers(Process process, Channel channel) : process_(std::move(process)), channel_(std::move(channel)) {}
    Result<std::string> ask(std::string const& helper, std::string_view verb, std::string input);

    std::mutex one_at_a_time_;
    Process process_;
    Channel channel_;
};

// What a helper that knows nothing of a server prints.
inline constexpr std::string_view not_found_words = "credentials not found in native keychain";

} // namespace bolt::transfer
