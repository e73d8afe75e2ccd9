// bolt start, stop, restart, kill, wait, rm.
#include <algorithm>
#include <csignal>

#include "cli/attached.h"
#include "cli/commands.h"
#include "cli/each.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "sys/process.h"

namespace bolt::cli {

namespace {

using std::chrono::milliseconds;

// Docker: -1 waits without an end.
Result<milliseconds> parse_patience(std::string_view text) {
    auto const seconds = TRY(parse_integer(text));
    if (seconds < -1 || seconds > 100'000'000) return Error::of(EINVAL, "'{}' is not a number of seconds", text);
    return milliseconds(seconds * 1000);
}

struct StopOptions {
    std::optional<milliseconds> timeout;
    std::optional<int> signal;
};
using set_stop = Set<StopOptions>;

Result<int> stop(StopOptions& options, Words const& words) {
    return for_all_containers_at_once(words, [&](auto const& here, auto const& container) { return engine::stop_container(here, container, options.timeout, options.signal); });
}
Result<int> restart(StopOptions& options, Words const& words) {
    return for_all_containers_at_once(words, [&](auto const& here, auto const& container) -> Result<void> {
        if (!options.signal) return engine::restart_container(here, container, options.timeout);
        TRY(engine::stop_container(here, container, options.timeout, options.signal));
        return engine::restart_container(here, TRY(engine::find_container(here, container.record.id)), options.timeout);
    });
}

constexpr Option stop_table[] = {
    {"signal", 's', "string", "Signal to send to the container", set_stop::parsed<&StopOptions::signal, parse_signal>},
    {"time", 0, "int", "", set_stop::parsed<&StopOptions::timeout, parse_patience>},
    {"timeout", 't', "int", "Seconds to wait before killing the container", set_stop::parsed<&StopOptions::timeout, parse_patience>},
};

struct KillOptions {
    int signal = SIGKILL;
};
Result<int> kill(KillOptions& options, Words const& words) {
    return for_each_container(words, [&](auto const& here, auto const& container) { return engine::kill_container(here, container, options.signal); });
}
constexpr Option kill_table[] = {
    {"signal", 's', "string", "Signal to send to the container (default \"KILL\")", Set<KillOptions>::parsed<&KillOptions::signal, parse_signal>, "HUP INT KILL QUIT TERM USR1 USR2"},
};

Result<int> wait(NoOptions&, Words const& words) {
    auto const here = TRY(engine::open_installation());
    int code = 0;
    for (auto const& name : words) {
        auto const ended = [&]() -> Result<int> { return engine::wait_for_container(here, TRY(engine::find_container(here, name))); }();
        if (ended) {
            TRY(print(fmt::format("{}\n", ended.value())));
            continue;
        }
        say(ended.error().text());
        code = 1;
    }
    return code;
}

struct RemoveOptions {
    bool force = false, volumes = false;
};
Result<int> remove(RemoveOptions& options, Words const& words) {
    auto const act = [&](engine::Installation const& here, engine::Container const& container) {
        return engine::remove_container(here, container, options.force ? engine::Force::yes : engine::Force::no,
                                        options.volumes ? engine::Volumes::remove_anonymous : engine::Volumes::keep);
    };
    if (!options.force) return for_each_container(words, act);
    // Docker's rule: with --force what is not there is said, and is no failure.
    auto const here = TRY(engine::open_installation());
    Words there;
    int code = 0;
    for (auto const& name : words) {
        auto const found = engine::find_container(here, name);
        if (!found && found.error().is(ENOENT)) {
            say(found.error().text());
        } else if (!found && found.error().is(EBADMSG)) {
            auto const removed = engine::remove_damaged_container(here, TRY(engine::find_container_id(here, name)));
            if (removed) TRY(print(name + "\n"));
            else say(removed.error().text());
            if (!removed) code = 1;
        } else {
            there.push_back(name);
        }
    }
    return there.empty() ? Result<int>(code) : std::max(code, TRY(for_all_containers_at_once(there, act)));
}
using set_remove = Set<RemoveOptions>;
constexpr Option remove_table[] = {
    {"force", 'f', "", "Force the removal of a running container (uses SIGKILL)", set_remove::flag<&RemoveOptions::force>},
    {"volumes", 'v', "", "Remove anonymous volumes associated with the container", set_remove::flag<&RemoveOptions::volumes>},
};

struct StartOptions {
    bool attach = false, interactive = false;
    std::string detach_keys{default_detach_keys};
    bool proxies_signals = true;
};
Result<int> start(StartOptions& options, Words const& words) {
    if (!options.attach && !options.interactive)
        return for_each_container(words, [](auto const& here, auto const& container) -> Result<void> {
            engine::StartFailure failure{};
            auto const started = engine::start_container(here, container, engine::Attach::no, failure);
            if (started) warn_all(started.value().warnings);
            // One that runs already is as it should be: docker's rule.
            return started || started.error().is(EALREADY) ? Result<void>() : started.error();
        });
    if (words.size() > 1) return Error::of(EINVAL, "only one container can be attached to; start them without -a and -i, or one by one");
    auto const here = TRY(engine::open_installation());
    auto const container = TRY(engine::find_container(here, words[0]));
    RelayOptions const relay{options.interactive && container.record.interactive, container.record.terminal, options.detach_keys};
    if (relay.input && relay.terminal && !is_terminal(FdRef(0))) return refuse_without_terminal();
    auto const signals = options.proxies_signals ? Signals::to_container : Signals::to_client;
    if (container.state.status == monitor::Status::running) return attach(here, container, relay, signals);
    return run_attached(here, container, relay, signals);
}
using set_start = Set<StartOptions>;
constexpr Option start_table[] = {
    {"attach", 'a', "", "Attach STDOUT/STDERR and forward signals", set_start::flag<&StartOptions::attach>},
    {"detach-keys", 0, "string", "Override the key sequence for detaching a container", set_start::parsed<&StartOptions::detach_keys, parse_detach_keys>},
    {"interactive", 'i', "", "Attach container's STDIN", set_start::flag<&StartOptions::interactive>},
    {"sig-proxy", 0, "", "Proxy received signals to the process (default true)", set_start::flag<&StartOptions::proxies_signals>},
};

constexpr std::string_view several = "CONTAINER [CONTAINER...]";

} // namespace

constexpr Command start_command{
    .name = "start", .arguments = several, .summary = "Start one or more stopped containers", .options = start_table, .least = 1, .most = -1,
    .names = Names::stopped_containers, .perform = perform<StartOptions, start>};
constexpr Command stop_command{
    .name = "stop", .arguments = several, .summary = "Stop one or more running containers", .options = stop_table, .least = 1, .most = -1,
    .names = Names::running_containers, .perform = perform<StopOptions, stop>};
constexpr Command restart_command{
    .name = "restart", .arguments = several, .summary = "Restart one or more containers", .options = stop_table, .least = 1, .most = -1,
    .names = Names::containers, .perform = perform<StopOptions, restart>};
constexpr Command kill_command{
    .name = "kill", .arguments = several, .summary = "Kill one or more running containers", .options = kill_table, .least = 1, .most = -1,
    .names = Names::running_containers, .perform = perform<KillOptions, kill>};
constexpr Command wait_command{
    .name = "wait", .arguments = several, .summary = "Block until one or more containers stop, then print their exit codes", .least = 1, .most = -1,
    .names = Names::running_containers, .perform = perform<NoOptions, wait>};
constexpr Command rm_command{
    .name = "rm", .arguments = several, .summary = "Remove one or more containers", .options = remove_table, .least = 1, .most = -1,
    .names = Names::containers, .perform = perform<RemoveOptions, remove>};

} // namespace bolt::cli
