#include "cli/private_key_file.h"

#include <cstdlib>

#include <unistd.h>

#include "base/text.h"
#include "cli/interrupts.h"
#include "sys/file.h"
#include "sys/terminal.h"

namespace bolt::cli {

namespace {

Result<std::string> find_passphrase(HostPath const& key, std::optional<HostPath> const& file) {
    if (file) {
        auto const text = TRY(read_file(*file));
        return std::string(cut(cut(text, '\n').before, '\r').before);
    }
    if (auto const* const variable = getenv("COSIGN_PASSWORD")) return std::string(variable);
    FdRef const input(STDIN_FILENO);
    if (!is_terminal(input)) return Error::of(ENOTTY, "it is encrypted, and there is no terminal to ask for the passphrase; use --passphrase-file or $COSIGN_PASSWORD");
    expect_interrupts(); // one that ended us here would leave the terminal without echo
    return read_secret(input, fmt::format("Passphrase of '{}': ", key), FdRef(STDERR_FILENO));
}

} // namespace

Result<image::PrivateKey> read_private_key(HostPath const& file, std::optional<HostPath> const& passphrase_file) {
    auto const text = TRY(read_file(file));
    return image::PrivateKey::parse(text, [&] { return find_passphrase(file, passphrase_file); }).while_doing("key '{}'", file);
}

} // namespace bolt::cli
