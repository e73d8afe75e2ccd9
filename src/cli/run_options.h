// The options of `bolt run` and `bolt create`.
#pragma once

#include <string>
#include <vector>

#include "cli/attach_client.h"
#include "cli/command.h"
#include "engine/options.h"

namespace bolt::cli {

struct RunOptions : engine::ContainerOptions {
    std::vector<std::string> environment_files; // read by complete_options
    std::string id_file;                        // --cidfile
    std::string detach_keys{default_detach_keys};
    bool proxies_signals = true;
};

int perform_run(Command const& command, Words const& arguments);
int perform_create(Command const& command, Words const& arguments);

// What cannot be done option by option: image and command from the words, the environment files before the -e variables.
Result<void> complete_options(RunOptions& options, Words const& words);

// The lines of docker's --env-file: NAME=value, or NAME for the caller's own; '#' begins a comment line.
Result<std::vector<std::string>> parse_environment_file(std::string_view text);
Result<std::vector<std::string>> read_environment_file(std::string const& file); // errors name the option and the file
// "NAME=value" or "NAME".
Result<std::string> check_variable(std::string_view text);

} // namespace bolt::cli
