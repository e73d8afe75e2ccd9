// bolt pull: bolt-transfer does it, in this process's place, since HTTP and TLS are linked only there.
#include <unistd.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "engine/installation.h"

namespace bolt::cli {

namespace {

// Parsed here too, so that wrong usage is told the same way everywhere; then passed on as it was written.
struct PullOptions {
    bool quiet = false, verifies_tls = true;
    std::string platform, credentials_file;
};
using set = Set<PullOptions>;
constexpr Option table[] = {
    {"authfile", 0, "file", "Read the registry's login from this file", set::text<&PullOptions::credentials_file>, offers_files},
    {"platform", 0, "string", "Pull the image for this platform, such as linux/arm64", set::text<&PullOptions::platform>},
    {"quiet", 'q', "", "Suppress verbose output", set::flag<&PullOptions::quiet>},
    {"tls-verify", 0, "", "Require HTTPS and verify the registry's certificate (default true)", set::flag<&PullOptions::verifies_tls>},
};

Result<int> replace_by_transfer(Words const& arguments) {
    auto const here = TRY(engine::open_installation());
    std::vector<char*> pointers{const_cast<char*>("bolt-transfer"), const_cast<char*>("pull")}; // execv's signature; it does not write
    for (auto const& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
    pointers.push_back(nullptr);
    execv(here.transfer.c_str(), pointers.data());
    return Error::from_errno("run '{}'", here.transfer);
}

int pull(Command const& command, Words const& arguments) {
    PullOptions options;
    auto const reading = read_arguments(command, arguments, &options);
    return reading.answered ? *reading.answered : finish(command, replace_by_transfer(arguments));
}

} // namespace

constexpr Command pull_command{.name = "pull", .arguments = "NAME[:TAG|@DIGEST]", .summary = "Download an image from a registry", .options = table, .least = 1, .most = 1,
                               .names = Names::images, .perform = pull};

} // namespace bolt::cli
