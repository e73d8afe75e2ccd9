// A private key in a file, and the passphrase that it may need.
#pragma once

#include <optional>

#include "base/result.h"
#include "image/signing_key.h"
#include "sys/path.h"

namespace bolt::cli {

// The passphrase is the file's first line, else $COSIGN_PASSWORD, else asked for at the terminal; ENOTTY without one. Errors name the key.
Result<image::PrivateKey> read_private_key(HostPath const& file, std::optional<HostPath> const& passphrase_file);

} // namespace bolt::cli
