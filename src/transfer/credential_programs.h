// Programs that keep logins for others, as docker-credential-secretservice does: the protocol of docker-credential-helpers.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/channel.h"
#include "sys/process.h"
#include "transfer/credentials.h"

namespace bolt::transfer {

// Runs docker-credential-NAME programs from a process that stays outside the user's user namespace: inside, where everybody is
// user 0, a keyring's service would not know them. Calls may come from any thread.
class CredentialHelpers {
public:
    // Before any thread, and before the user namespace is entered. `order`: who is asked one after the other, programs and
    // `credential_files_word`; as registries.conf has it, or the files alone.
    static Result<std::unique_ptr<CredentialHelpers>> start(std::vector<std::string> order);
    std::vector<std::string> const& order() const { return order_; }

    // None when the helper knows nothing of the server. ENOENT when there is no such program, EIO for its own words.
    Result<std::optional<Credentials>> get(std::string const& helper, std::string const& server);
    Result<void> store(std::string const& helper, std::string const& server, Credentials const& credentials);
    Result<void> erase(std::string const& helper, std::string const& server);

private:
    CredentialHelpers(std::vector<std::string> order, Process process, Channel channel) : order_(std::move(order)), process_(std::move(process)), channel_(std::move(channel)) {}
    Result<std::string> ask(std::string const& helper, std::string_view verb, std::string input);

    std::vector<std::string> order_;
    std::mutex one_at_a_time_;
    Process process_;
    Channel channel_;
};

// What stands for the files of credentials in registries.conf's `credential-helpers`. containers-registries.conf(5).
inline constexpr std::string_view credential_files_word = "containers-auth.json";

// What a helper that knows nothing of a server prints.
inline constexpr std::string_view not_found_words = "credentials not found in native keychain";

} // namespace bolt::transfer
