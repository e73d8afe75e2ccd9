// bolt commit, bolt import.
#include "cli/commands.h"
#include "cli/make_options.h"
#include "cli/transfer_program.h"

namespace bolt::cli {

constexpr Command commit_command{.name = "commit", .arguments = "CONTAINER [IMAGE[:TAG]]", .summary = "Make an image of a container's changes", .options = commit_options, .least = 1, .most = 2,
                                 .names = Names::containers, .perform = perform_by_transfer<CommitWords>};
constexpr Command import_command{.name = "import", .arguments = "FILE|- [IMAGE[:TAG]]", .summary = "Make an image of an archive of files", .options = import_options, .least = 1, .most = 2,
                                 .names = Names::files, .perform = perform_by_transfer<ImportWords>};

} // namespace bolt::cli
