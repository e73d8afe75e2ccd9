// bolt-transfer login, bolt-transfer logout. Neither enters the user's user namespace: there is nothing for the store.
#include <unistd.h>

#include "cli/login_options.h"
#include "cli/output.h"
#include "cli/transfer_command.h"
#include "sys/terminal.h"
#include "transfer/login.h"
#include "transfer/registries.h"
#include "transfer/registry.h"

namespace bolt::cli {

namespace {

constexpr std::string_view default_registry = "docker.io";

std::string key_of(Words const& names) { return names.empty() ? std::string(default_registry) : transfer::plain_registry(names[0]); }

// A name in it, so that the registry is one: its repository is not looked at.
Result<image::Reference> registry_of(std::string const& key) {
    auto const host = key.substr(0, key.find('/'));
    auto parsed = image::Reference::parse(host + "/login");
    if (!parsed || parsed.value().domain() != host) return Error::of(EINVAL, "'{}' is no registry; write HOST[:PORT], such as registry.example.com", key);
    return std::move(parsed).value();
}

Result<std::string> read_line(FdRef input) {
    std::string line;
    char letter = 0;
    ssize_t got = 0;
    while ((got = read(input.number(), &letter, 1)) == 1 && letter != '\n') line += letter;
    if (got < 0) return errno == EINTR ? Error::of(ECANCELED, "interrupted") : Error::from_errno("read standard input");
    return line;
}

// Line ends after it belong to whoever wrote it there.
Result<std::string> read_password_from_input() {
    auto text = TRY(read_to_end(FdRef(STDIN_FILENO), 1u << 16));
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    return text;
}

Result<transfer::Credentials> ask_for_credentials(LoginWords const& words, std::string const& key) {
    if (words.password && words.password_from_input) return Error::of(EINVAL, "--password and --password-stdin cannot be used together");
    if (words.password_from_input && !words.user) return Error::of(EINVAL, "--password-stdin needs --username");
    bool const asks = !words.user || (!words.password && !words.password_from_input);
    if (asks && !is_terminal(FdRef(STDIN_FILENO))) return Error::of(ENOTTY, "there is no terminal to ask at; use --username and --password-stdin");
    transfer::Credentials credentials;
    if (!words.user) TRY(print(fmt::format("User name for {}: ", key)));
    credentials.user = words.user ? *words.user : TRY(read_line(FdRef(STDIN_FILENO)));
    if (credentials.user.empty() || credentials.user.find(':') != std::string::npos) return Error::of(EINVAL, "'{}' is no user name", credentials.user);
    if (words.password_from_input) credentials.password = TRY(read_password_from_input());
    else if (words.password) credentials.password = *words.password;
    else credentials.password = TRY(read_secret(FdRef(STDIN_FILENO), "Password: ", FdRef(STDOUT_FILENO)));
    if (credentials.password.empty()) return Error::of(EINVAL, "the password is empty");
    return credentials;
}

Result<void> tell_login(LoginWords const& words, std::string const& key, transfer::CredentialHelpers* helpers) {
    auto const host = key.substr(0, key.find('/'));
    auto const below = key.size() > host.size() ? key.substr(host.size() + 1) : std::string();
    auto const found = TRY(transfer::find_credentials(transfer::credential_files(words.credentials_file), host, below, helpers));
    if (!found) return Error::of(ENOENT, "nobody is logged in to '{}'", key);
    return print((found->user.empty() ? "<token>" : found->user) + "\n");
}

Result<void> log_in(LoginWords const& words, Words const& names) {
    auto const key = key_of(names);
    auto const registry = TRY(registry_of(key));
    transfer::RegistryOptions options;
    options.helpers = TRY(start_credential_helpers(words.credentials_file));
    if (words.only_tells) return tell_login(words, key, options.helpers.get());
    expect_interrupts();
    options.credentials = TRY(ask_for_credentials(words, key));
    auto const address = TRY(TRY(transfer::Registries::load(registry)).places_of(registry, transfer::Registries::Use::push)).front();
    options.verify = words.verifies_tls && !address.is_insecure ? transfer::TlsVerify::yes : transfer::TlsVerify::no;
    options.cancelled = is_interrupted;
    TRY(transfer::Registry(address.reference, transfer::Access::login, options).check_login());
    auto const place = TRY(transfer::store_login(words.credentials_file, key, *options.credentials, options.helpers.get()));
    return print(fmt::format("Login Succeeded, kept in {}\n", place));
}

Result<void> log_out(LogoutWords const& words, Words const& names) {
    if (words.all && !names.empty()) return Error::of(EINVAL, "--all takes no registry");
    auto const helpers = TRY(start_credential_helpers(words.credentials_file));
    auto const keys = words.all ? TRY(transfer::logged_in(words.credentials_file)) : std::set{key_of(names)};
    bool was_any = false;
    for (auto const& key : keys)
        for (auto const& place : TRY(transfer::remove_login(words.credentials_file, key, helpers.get()))) {
            was_any = true;
            TRY(print(fmt::format("Removed the login to {} from {}\n", key, place)));
        }
    if (!was_any && !words.all) return Error::of(ENOENT, "nobody is logged in to '{}'", *keys.begin());
    return {};
}

} // namespace

constexpr Command transfer_login_command{"login", "[REGISTRY]", "Log in to a registry", login_options, 0, 1, OptionsEnd::nowhere, Names::nothing, perform_transfer<LoginWords, log_in>};
constexpr Command transfer_logout_command{"logout", "[REGISTRY]", "Log out of a registry", logout_options, 0, 1, OptionsEnd::nowhere, Names::nothing, perform_transfer<LogoutWords, log_out>};

} // namespace bolt::cli
