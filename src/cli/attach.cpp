// bolt attach.
#include "cli/attached.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/perform.h"

namespace bolt::cli {

namespace {

struct AttachOptions {
    bool no_input = false, proxies_signals = true;
    std::string detach_keys{default_detach_keys};
};

Result<int> attach_to(AttachOptions& options, Words const& words) {
    auto const here = TRY(engine::open_installation());
    auto const container = TRY(engine::find_container(here, words[0]));
    if (container.state.status != monitor::Status::running && container.state.status != monitor::Status::restarting)
        return Error::of(ESRCH, "container '{0}' is not running; start it first (bolt start -a {0})", words[0]);
    RelayOptions const relay{!options.no_input && container.record.interactive, container.record.terminal, options.detach_keys};
    if (relay.input && relay.terminal && !is_terminal(FdRef(0))) return refuse_without_terminal();
    return attach(here, container, relay, options.proxies_signals ? Signals::to_container : Signals::to_client);
}

using set_attach = Set<AttachOptions>;
constexpr Option attach_table[] = {
    {"detach-keys", 0, "string", "Override the key sequence for detaching a container", set_attach::parsed<&AttachOptions::detach_keys, parse_detach_keys>},
    {"no-stdin", 0, "", "Do not attach STDIN", set_attach::flag<&AttachOptions::no_input>},
    {"sig-proxy", 0, "", "Proxy received signals to the process (default true)", set_attach::flag<&AttachOptions::proxies_signals>},
};

} // namespace

constexpr Command attach_command{
    .name = "attach", .arguments = "CONTAINER", .summary = "Attach local standard input, output, and error streams to a running container", .options = attach_table,
    .least = 1, .most = 1, .names = Names::running_containers, .perform = perform<AttachOptions, attach_to>};

} // namespace bolt::cli
