#include "cli/run_options.h"

#include <algorithm>
#include <charconv>

#include "cli/commands.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::cli {

namespace {

using set_run_options = Set<RunOptions>;

Result<void> add_labels(RunOptions& options, std::string_view text) {
    auto const [key, value, found] = cut(text, '=');
    if (key.empty()) return Error::of(EINVAL, "'{}' is not a label; write KEY=VALUE", text);
    options.labels.emplace_back(key, value);
    return {};
}

Result<void> set_memory(RunOptions& options, std::string_view text) {
    options.limits.memory = TRY(parse_bytes(text));
    if (options.limits.memory->count == 0) options.limits.memory.reset(); // docker: no limit
    return {};
}

Result<void> set_cpus(RunOptions& options, std::string_view text) {
    double number{};
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (failure != std::errc{} || end != text.data() + text.size() || !(number >= 0)) return Error::of(EINVAL, "'{}' is not a number of CPUs such as 1.5", text);
    options.limits.cpus.reset();
    if (number > 0) options.limits.cpus = number; // docker: 0 is no limit
    return {};
}

Result<void> set_process_limit(RunOptions& options, std::string_view text) {
    auto const number = TRY(parse_integer(text));
    constexpr std::int64_t most = 4'194'304; // of a 64-bit kernel: PID_MAX_LIMIT
    if (number < -1 || number > most) return Error::of(EINVAL, "'{}' is not a number of processes: 1 to {}, or -1 for no limit", text, most);
    options.limits.processes = number <= 0 ? -1 : number; // docker: 0 is no limit either
    return {};
}

Result<void> set_pull(RunOptions& options, std::string_view text) {
    if (text == "missing" || text.empty()) options.pull = engine::PullPolicy::missing;
    else if (text == "always") options.pull = engine::PullPolicy::always;
    else if (text == "never") options.pull = engine::PullPolicy::never;
    else if (text == "newer") options.pull = engine::PullPolicy::newer;
    else return Error::of(EINVAL, "'{}' is none of missing, always, never, newer", text);
    return {};
}

// Docker takes the '/' that its own lists once showed.
Result<void> set_name(RunOptions& options, std::string_view text) {
    if (text.starts_with('/')) text.remove_prefix(1);
    if (!text.empty()) options.name = text;
    return {};
}

Result<void> set_user_namespace(RunOptions& options, std::string_view text) {
    if (text == "host" || text.empty()) options.user_namespace = engine::UserNamespaceMode::host;
    else if (text == "keep-id") options.user_namespace = engine::UserNamespaceMode::keep_id;
    else if (text == "auto") options.user_namespace = engine::UserNamespaceMode::automatic;
    else return Error::of(EINVAL, "'{}' is none of host, keep-id, auto", text);
    return {};
}

Result<void> set_stop_timeout(RunOptions& options, std::string_view text) {
    auto const seconds = TRY(parse_integer(text));
    if (seconds < -1 || seconds > 100'000'000) return Error::of(EINVAL, "'{}' is not a number of seconds", text);
    options.stop_timeout = std::chrono::seconds(seconds);
    return {};
}

Result<void> add_ports(RunOptions& options, std::string_view text) {
    auto ports = TRY(net::parse_published(text));
    options.ports.insert(options.ports.end(), ports.begin(), ports.end());
    return {};
}

constexpr Option run_table[] = {
    // Only run's.
    {"detach", 'd', "", "Run container in background and print container ID", set_run_options::flag<&RunOptions::detached>},
    {"detach-keys", 0, "string", "Override the key sequence for detaching a container (default \"ctrl-p,ctrl-q\")", set_run_options::parsed<&RunOptions::detach_keys, parse_detach_keys>},
    {"sig-proxy", 0, "", "Proxy received signals to the process (default true)", set_run_options::flag<&RunOptions::proxies_signals>},
    // create's too, from here on.
    {"cap-add", 0, "list", "Add Linux capabilities", set_run_options::list<&RunOptions::add_capabilities>},
    {"cap-drop", 0, "list", "Drop Linux capabilities", set_run_options::list<&RunOptions::drop_capabilities>},
    {"cidfile", 0, "string", "Write the container ID to the file", set_run_options::text<&RunOptions::id_file>, offers_files},
    {"cpus", 0, "decimal", "Number of CPUs", set_run_options::by<set_cpus>},
    {"entrypoint", 0, "string", "Overwrite the default ENTRYPOINT of the image", set_run_options::text<&RunOptions::entrypoint>},
    {"env", 'e', "list", "Set environment variables", set_run_options::parsed_list<&RunOptions::environment, check_variable>},
    {"env-file", 0, "list", "Read in a file of environment variables", set_run_options::list<&RunOptions::environment_files>, offers_files},
    {"hostname", 'h', "string", "Container host name", set_run_options::text_unless_empty<&RunOptions::hostname>},
    {"init", 0, "", "Run an init inside the container that forwards signals and reaps processes", set_run_options::flag<&RunOptions::init>},
    {"interactive", 'i', "", "Keep STDIN open even if not attached", set_run_options::flag<&RunOptions::interactive>},
    {"label", 'l', "list", "Set meta data on a container", set_run_options::by<add_labels>},
    {"memory", 'm', "bytes", "Memory limit", set_run_options::by<set_memory>},
    {"mount", 0, "mount", "Attach a filesystem mount to the container: type=bind|volume|tmpfs,source=…,target=…[,readonly]", set_run_options::parsed_list<&RunOptions::mounts, engine::parse_mount_option>},
    {"name", 0, "string", "Assign a name to the container", set_run_options::by<set_name>},
    {"net", 0, "network", "", set_run_options::parsed<&RunOptions::network, net::parse_mode>, "none host pasta"},
    {"network", 0, "network", "Connect the container to a network: pasta (default), host or none", set_run_options::parsed<&RunOptions::network, net::parse_mode>, "none host pasta"},
    {"pids-limit", 0, "int", "Tune container pids limit (set -1 for unlimited)", set_run_options::by<set_process_limit>},
    {"platform", 0, "string", "Choose the image for this platform, such as linux/arm64", set_run_options::text<&RunOptions::platform>},
    {"publish", 'p', "list", "Publish a container's port(s) to the host", set_run_options::by<add_ports>},
    {"pull", 0, "string", "Pull image before running: missing (default), always, never or newer", set_run_options::by<set_pull>, "missing always never newer"},
    {"read-only", 0, "", "Mount the container's root filesystem as read only", set_run_options::flag<&RunOptions::read_only>},
    {"restart", 0, "string", "Restart policy to apply when a container exits: no (default), on-failure[:N], always or unless-stopped", set_run_options::parsed<&RunOptions::restart, engine::parse_restart_option>,
     "no on-failure always unless-stopped"},
    {"rm", 0, "", "Automatically remove the container and its associated anonymous volumes when it exits", set_run_options::flag<&RunOptions::remove>},
    {"runtime", 0, "path", "OCI runtime to use for this container instead of bolt's own", set_run_options::text_unless_empty<&RunOptions::runtime>, offers_files},
    {"security-opt", 0, "list", "Security options: seccomp=unconfined|FILE, no-new-privileges, mask=PATH, unmask=PATH|ALL", set_run_options::list<&RunOptions::security_options>},
    {"stop-signal", 0, "string", "Signal to stop the container", set_run_options::parsed<&RunOptions::stop_signal, parse_signal>},
    {"stop-timeout", 0, "int", "Timeout (in seconds) to stop a container", set_run_options::by<set_stop_timeout>},
    {"tmpfs", 0, "list", "Mount a tmpfs directory", set_run_options::parsed_list<&RunOptions::mounts, engine::parse_tmpfs_option>},
    {"tty", 't', "", "Allocate a pseudo-TTY", set_run_options::flag<&RunOptions::terminal>},
    {"user", 'u', "string", "Username or UID (format: <name|uid>[:<group|gid>])", set_run_options::text_unless_empty<&RunOptions::user>},
    {"userns", 0, "string", "User namespace to use: host (default), keep-id or auto", set_run_options::by<set_user_namespace>, "host keep-id auto"},
    {"volume", 'v', "list", "Bind mount a volume", set_run_options::parsed_list<&RunOptions::mounts, engine::parse_volume_option>, offers_files},
    {"workdir", 'w', "string", "Working directory inside the container", set_run_options::text_unless_empty<&RunOptions::working_directory>},
};
constexpr std::size_t only_for_run = 3;

} // namespace

constexpr Command run_command{
    .name = "run", .arguments = "IMAGE [COMMAND] [ARG...]", .summary = "Create and run a new container from an image", .options = run_table,
    .least = 1, .most = -1, .options_end = OptionsEnd::at_first_argument, .names = Names::images, .perform = perform_run, .failure = own_failure};

constexpr Command create_command{
    .name = "create", .arguments = "IMAGE [COMMAND] [ARG...]", .summary = "Create a new container", .options = std::span(run_table).subspan(only_for_run),
    .least = 1, .most = -1, .options_end = OptionsEnd::at_first_argument, .names = Names::images, .perform = perform_create, .failure = own_failure};

Result<std::string> check_variable(std::string_view text) {
    if (text.empty() || text[0] == '=') return Error::of(EINVAL, "'{}' is not an environment variable; write NAME=VALUE, or NAME for your own value", text);
    return std::string(text);
}

Result<std::vector<std::string>> parse_environment_file(std::string_view text) {
    std::vector<std::string> variables;
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3); // a byte order mark
    for (auto line : split(text, '\n')) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        if (line.empty() || line[0] == '#') continue;
        auto const name = cut(line, '=').before;
        if (name.empty() || name.find_first_of(" \t") != name.npos) return Error::of(EINVAL, "line '{}' does not begin with a variable's name and '='", line);
        variables.emplace_back(line);
    }
    return variables;
}

Result<std::vector<std::string>> read_environment_file(std::string const& file) {
    auto const path = TRY(HostPath::absolute(file).while_doing("--env-file"));
    auto const text = TRY(read_file(path).while_doing("--env-file"));
    if (text.find('\0') != text.npos || !is_utf8(text)) return Error::of(EINVAL, "--env-file: '{}' is not a text file in UTF-8", file);
    return parse_environment_file(text).while_doing("--env-file '{}'", file);
}

Result<void> complete_options(RunOptions& options, Words const& words) {
    options.image = words[0];
    options.command.assign(words.begin() + 1, words.end());
    std::vector<std::string> variables;
    for (auto const& file : options.environment_files) {
        auto const lines = TRY(read_environment_file(file));
        variables.insert(variables.end(), lines.begin(), lines.end());
    }
    variables.insert(variables.end(), options.environment.begin(), options.environment.end());
    options.environment = std::move(variables);
    return {};
}

} // namespace bolt::cli
