// bolt exec.
#include "cli/attached.h"

#include <algorithm>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "cli/run_options.h"
#include "engine/environment.h"
#include "engine/record.h"
#include "sys/file.h"

namespace bolt::cli {

namespace {

struct ExecOptions {
    bool detached = false, interactive = false, terminal = false, privileged = false;
    std::vector<std::string> environment, environment_files;
    std::optional<std::string> user, working_directory;
};

// The container's own variables, then the files', then those of -e.
Result<std::vector<std::string>> variables_for(engine::Container const& container, ExecOptions const& options) {
    engine::Environment environment;
    auto const shown = TRY(engine::options_of(container.record));
    if (auto const* const config = shown.find("Config"))
        for (auto const& variable : TRY(config->strings("Env"))) environment.set(variable);
    if (options.terminal) environment.set_unless_there("TERM=xterm");
    for (auto const& file : options.environment_files) TRY(engine::add_given(environment, TRY(read_environment_file(file))));
    TRY(engine::add_given(environment, options.environment));
    return environment.list();
}

// Whose user is the container's own has its HOME; for another it is looked up anew.
void forget_home(std::vector<std::string>& environment, ExecOptions const& options) {
    if (options.user) std::erase_if(environment, [&](std::string const& variable) {
        return variable.starts_with("HOME=") && std::find(options.environment.begin(), options.environment.end(), variable) == options.environment.end();
    });
}

// Pipes and sockets are passed on as they are. Of anything else, a file above all, the container would have the very descriptor: it
// could open it anew to read what was written and write to what was read, and go on when we are gone.
bool can_be_passed_on(FdRef stream) {
    auto const status = stat_fd(stream);
    return status && (S_ISFIFO(status.value().st_mode) || S_ISSOCK(status.value().st_mode));
}

// What the tenant gets in place of our standard streams, and our ends of it.
struct Streams {
    UniqueFd theirs[3];
    TenantPipes ours;
};

Result<Streams> streams_for(bool takes_input, bool detached) {
    Streams streams;
    UniqueFd* const ends[] = {&streams.ours.input, &streams.ours.output, &streams.ours.error};
    for (int number = 0; number < 3; ++number) {
        bool const is_used = number == 0 ? takes_input : !detached;
        if (!is_used) {
            streams.theirs[number] = TRY(open_null());
        } else if (can_be_passed_on(FdRef(number))) {
            streams.theirs[number] = TRY(duplicate(FdRef(number)));
        } else {
            auto pipe = TRY(make_pipe());
            streams.theirs[number] = std::move(number == 0 ? pipe.read_end : pipe.write_end);
            *ends[number] = std::move(number == 0 ? pipe.write_end : pipe.read_end);
        }
    }
    return streams;
}

Result<int> relay(engine::ExecStarted started, TenantPipes pipes, ClientTerminal& terminal, RelayOptions const& options) {
    auto const outcome = TRY(relay_tenant(started.channel, std::move(started.console), std::move(pipes), terminal, options));
    terminal.restore();
    if (outcome.end == RelayEnd::output_closed) die_of(SIGPIPE);
    if (outcome.end == RelayEnd::terminal_gone) die_of(SIGHUP);
    if (outcome.end == RelayEnd::exited) return outcome.exit_code;
    return Error::of(ECONNRESET, "the container ended, and the command in it");
}

Result<int> exec(ExecOptions& options, Words const& words) {
    bool const takes_input = options.interactive && !options.detached;
    if (takes_input && options.terminal && !is_terminal(FdRef(0))) return refuse_without_terminal();
    auto const here = TRY(engine::open_installation());
    auto const container = TRY(engine::find_container(here, words[0]));
    monitor::ExecRequest request{.arguments = {words.begin() + 1, words.end()}, .user = options.user, .working_directory = options.working_directory,
                                 .terminal = options.terminal && !options.detached, .privileged = options.privileged, .detached = options.detached};
    request.environment = TRY(variables_for(container, options));
    forget_home(request.environment, options);
    auto streams = request.terminal ? Streams{} : TRY(streams_for(takes_input, options.detached)); // with a terminal none are sent
    RelayOptions const relay_options{takes_input && (request.terminal || streams.ours.input.is_open()), request.terminal, ""};
    auto terminal = TRY(ClientTerminal::take(relay_options));
    if (auto const size = request.terminal ? terminal.size() : std::nullopt) request.rows = size->rows, request.columns = size->columns;
    engine::StartFailure failure{};
    auto started = engine::exec_in_container(here, container, request, streams.theirs[0], streams.theirs[1], streams.theirs[2], failure);
    for (auto& end : streams.theirs) end.close(); // the tenant's alone from here on
    if (!started) {
        terminal.restore();
        say(started.error().text());
        return failure.exit_code == own_failure ? 1 : failure.exit_code; // docker: 126 and 127 are the command's, the rest is 1
    }
    if (options.detached) return 0;
    return relay(std::move(started).value(), std::move(streams.ours), terminal, relay_options);
}

using set_exec = Set<ExecOptions>;
constexpr Option exec_table[] = {
    {"detach", 'd', "", "Detached mode: run command in the background", set_exec::flag<&ExecOptions::detached>},
    {"env", 'e', "list", "Set environment variables", set_exec::parsed_list<&ExecOptions::environment, check_variable>},
    {"env-file", 0, "list", "Read in a file of environment variables", set_exec::list<&ExecOptions::environment_files>, offers_files},
    {"interactive", 'i', "", "Keep STDIN open even if not attached", set_exec::flag<&ExecOptions::interactive>},
    {"privileged", 0, "", "Give extended privileges to the command", set_exec::flag<&ExecOptions::privileged>},
    {"tty", 't', "", "Allocate a pseudo-TTY", set_exec::flag<&ExecOptions::terminal>},
    {"user", 'u', "string", "Username or UID (format: <name|uid>[:<group|gid>])", set_exec::text_unless_empty<&ExecOptions::user>},
    {"workdir", 'w', "string", "Working directory inside the container", set_exec::text_unless_empty<&ExecOptions::working_directory>},
};

} // namespace

constexpr Command exec_command{
    .name = "exec", .arguments = "CONTAINER COMMAND [ARG...]", .summary = "Execute a command in a running container", .options = exec_table, .least = 2, .most = -1,
    .options_end = OptionsEnd::at_first_argument, .names = Names::running_containers, .perform = perform<ExecOptions, exec>};

} // namespace bolt::cli
