// The OCI configuration of an application container: pure, from what was asked and what the image says. The monitor gives it
// its user and network namespaces, so neither is in the document.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/container_ids.h"
#include "engine/options.h"
#include "engine/security_options.h"
#include "monitor/user.h"
#include "spec/image.h"

namespace bolt::engine {

// An entry of "mounts".
struct PlannedMount {
    std::string destination, type, source;
    std::vector<std::string> options;
};

enum class Privilege { root, user_namespace };

struct SpecPlan {
    Privilege privilege = Privilege::user_namespace; // the monitor's
    std::optional<ContainerIds> ids;         // absent: the monitor's own
    bool maps_terminal_group = true;         // group 5, tty, exists in the namespace
    net::Mode network = net::Mode::pasta;
    std::string hostname;
    std::vector<std::string> arguments, environment;
    std::string working_directory = "/";
    monitor::ContainerUser user;
    std::vector<std::string> capabilities;
    bool no_new_privileges = false;
    bool terminal = false, read_only_root = false;
    HiddenPaths hidden;
    Json seccomp;                            // null: none in the document
    Limits limits;
    std::string cgroup;                      // "": none
    std::vector<PlannedMount> mounts;        // beside the default ones; same destinations replace those
};
Json container_spec(SpecPlan const& plan);

// The command line: docker's rules for entrypoint and command of image and user. EINVAL when nothing is left to run.
Result<std::vector<std::string>> choose_command(ContainerOptions const& options, spec::ImageConfig const& image);
// All variables, docker's order.
Result<std::vector<std::string>> choose_environment(ContainerOptions const& options, spec::ImageConfig const& image, std::string_view hostname,
                                                    std::string_view home);

// What the user asked for as an entry; `source` is the host path of a bind mount or a volume's content.
PlannedMount plan_mount(MountOption const& option, std::string_view source);

} // namespace bolt::engine
