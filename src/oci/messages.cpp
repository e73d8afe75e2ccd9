#include "oci/messages.h"

namespace bolt::oci {

Error without_command_codes(Error error) { return error.is(ENOENT) || error.is(EACCES) ? Error(EINVAL, error.text()) : error; }

Result<void> await_word(Channel const& channel, std::string_view word) {
    auto const message = TRY(channel.receive());
    if (!message) return Error::of(ECONNRESET, "the runtime is gone");
    if (message->bytes != word) return Error::of(EPROTO, "'{}' was expected from the runtime, and something else came", word);
    return {};
}

Result<void> read_report(std::string_view message) {
    auto const reported = parse_report(message);
    return reported ? *reported : Error::of(EPROTO, "the container's process said something that is not in the protocol");
}

Result<void> await_execution(Channel const& channel) {
    auto const ready = TRY(channel.receive());
    if (!ready) return Error::of(ECHILD, "the container's process ended before it could run its program");
    TRY(read_report(ready->bytes));
    auto const failed = TRY(channel.receive());
    if (!failed) return {}; // execve closed its end
    return read_report(failed->bytes);
}

} // namespace bolt::oci
