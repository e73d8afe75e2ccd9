// bolt login, bolt logout.
#include "cli/commands.h"
#include "cli/login_options.h"
#include "cli/transfer_program.h"

namespace bolt::cli {

constexpr Command login_command{.name = "login", .arguments = "[REGISTRY]", .summary = "Log in to a registry", .options = login_options, .least = 0, .most = 1,
                                .perform = perform_by_transfer<LoginWords>};
constexpr Command logout_command{.name = "logout", .arguments = "[REGISTRY]", .summary = "Log out of a registry", .options = logout_options, .least = 0, .most = 1,
                                 .perform = perform_by_transfer<LogoutWords>};

} // namespace bolt::cli
