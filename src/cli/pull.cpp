// bolt pull.
#include "cli/commands.h"
#include "cli/push_options.h"
#include "cli/transfer_program.h"

namespace bolt::cli {

namespace {

// bolt-transfer has the same options and more, for callers who are not people.
struct PullOptions {
    bool all_tags = false, quiet = false, verifies_tls = true;
    std::string platform, policy, credentials_file, policy_file;
    std::optional<transfer::Credentials> credentials;
};
using set_pull = Set<PullOptions>;
constexpr Option pull_table[] = {
    {"all-tags", 'a', "", "Pull all tags of the repository", set_pull::flag<&PullOptions::all_tags>},
    {"authfile", 0, "file", "Read the registry's login from this file", set_pull::text<&PullOptions::credentials_file>, offers_files},
    {"creds", 0, "user:password", "Log in so, for this once", set_pull::parsed<&PullOptions::credentials, parse_credentials>},
    {"platform", 0, "string", "Pull the image for this platform, such as linux/arm64", set_pull::text<&PullOptions::platform>},
    {"policy", 0, "string", "When to ask the registry: always (default), when the image is missing here, never, or newer (what is here serves when it cannot be had)", set_pull::text<&PullOptions::policy>,
     "always missing never newer"},
    {"quiet", 'q', "", "Suppress verbose output", set_pull::flag<&PullOptions::quiet>},
    {"signature-policy", 0, "file", "The policy that says what is taken, instead of policy.json", set_pull::text<&PullOptions::policy_file>, offers_files},
    {"tls-verify", 0, "", "Require HTTPS and verify the registry's certificate (default true)", set_pull::flag<&PullOptions::verifies_tls>},
};

} // namespace

constexpr Command pull_command{.name = "pull", .arguments = "NAME[:TAG|@DIGEST]...", .summary = "Download images from registries", .options = pull_table, .least = 1, .most = -1,
                               .names = Names::images, .perform = perform_by_transfer<PullOptions>};

} // namespace bolt::cli
