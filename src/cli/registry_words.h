// What every command takes that asks a registry.
#pragma once

#include <optional>

#include "sys/path.h"
#include "transfer/credentials.h"

namespace bolt::cli {

struct RegistryWords {
    std::optional<HostPath> credentials_file;
    std::optional<transfer::Credentials> credentials;
    bool verifies_tls = true;
};

} // namespace bolt::cli
