// What `bolt login` and `bolt logout` take: read by bolt, which tells wrong usage, and by bolt-transfer, which does it.
#pragma once

#include <optional>
#include <string>

#include "cli/command.h"
#include "sys/path.h"

namespace bolt::cli {

struct LoginWords {
    std::optional<HostPath> credentials_file;
    std::optional<std::string> user, password;
    bool password_from_input = false, verifies_tls = true, only_tells = false;
};
inline constexpr Option login_options[] = {
    {"authfile", 0, "file", "Keep the login in this file", Set<LoginWords>::parsed<&LoginWords::credentials_file, HostPath::absolute>, offers_files},
    {"get-login", 0, "", "Only print who is logged in", Set<LoginWords>::flag<&LoginWords::only_tells>},
    {"password", 'p', "string", "Password, which everybody on this machine can see meanwhile", Set<LoginWords>::text<&LoginWords::password>},
    {"password-stdin", 0, "", "Read the password from standard input", Set<LoginWords>::flag<&LoginWords::password_from_input>},
    {"tls-verify", 0, "", "Require HTTPS and verify the registry's certificate (default true)", Set<LoginWords>::flag<&LoginWords::verifies_tls>},
    {"username", 'u', "string", "User name", Set<LoginWords>::text<&LoginWords::user>},
};

struct LogoutWords {
    std::optional<HostPath> credentials_file;
    bool all = false;
};
inline constexpr Option logout_options[] = {
    {"all", 'a', "", "Of every registry", Set<LogoutWords>::flag<&LogoutWords::all>},
    {"authfile", 0, "file", "The login is in this file", Set<LogoutWords>::parsed<&LogoutWords::credentials_file, HostPath::absolute>, offers_files},
};

} // namespace bolt::cli
