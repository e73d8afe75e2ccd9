// bolt-oci ps: the processes of a container, shown by the host's ps(1).
#include <algorithm>

#include <fcntl.h>

#include "base/text.h"
#include "cli/oci_commands.h"
#include "sys/fd.h"
#include "sys/namespaces.h"
#include "sys/process.h"

namespace bolt::cli::oci_command {

namespace {

struct PsOptions {
    bool json = false;
};

constexpr Option options_of_ps[] = {{"format", 'f', "table|json", "table (the default) or json", Set<PsOptions>::parsed<&PsOptions::json, asks_for_json>, "table json"}};

Result<std::string> output_of_ps(Words const& arguments) {
    auto [reading, writing] = TRY(make_pipe());
    SpawnOptions options{.arguments = {"ps"}};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    options.output = writing;
    auto process = TRY(spawn(TRY(find_program("ps").while_doing("install the package procps")), options));
    writing.close();
    auto text = TRY(read_to_end(reading));
    auto const ended = TRY(process.wait());
    if (ended.shell_code() != 0) return Error::of(EINVAL, "ps {} {}", join(arguments, " "), ended.text());
    return text;
}

// The words of a line; columns are told apart by blanks.
std::vector<std::string_view> words_of(std::string_view line) {
    auto words = split(line, ' ');
    std::erase(words, "");
    return words;
}

// The heading, and the lines whose column PID is one of these.
Result<std::string> filter(std::string const& text, std::vector<pid_t> const& pids) {
    auto const lines = split(text, '\n');
    auto const heading = lines.empty() ? std::vector<std::string_view>() : words_of(lines[0]);
    auto const column = std::ranges::find(heading, "PID") - heading.begin();
    if (static_cast<std::size_t>(column) == heading.size()) return Error::of(EINVAL, "ps shows no column PID with these options, so the container's lines cannot be found");
    std::string kept = std::string(lines[0]) + "\n";
    for (auto const line : lines) {
        auto const words = words_of(line);
        auto const pid = words.size() > static_cast<std::size_t>(column) ? parse_integer(words[static_cast<std::size_t>(column)]) : Result<std::int64_t>(-1);
        if (pid && std::ranges::find(pids, static_cast<pid_t>(pid.value())) != pids.end()) kept += std::string(line) + "\n";
    }
    return kept;
}

Result<std::vector<pid_t>> members_without_cgroup(ContainerRecord const& record) {
    if (TRY(namespaces_that_differ(record.pid, namespace_flag::pid)) == 0)
        return Error::of(ENOTSUP, "container '{}' has neither a cgroup nor a pid namespace of its own: nobody can tell its processes from others", record.id);
    return processes_in_pid_namespace_of(record.pid);
}

Result<std::string> shown_processes(Words const& words, PsOptions const& options) {
    auto const directory = TRY(ContainerDirectory::of(globals().root, words[0]));
    auto const record = TRY(directory.read());
    auto const cgroup = oci::Cgroup::adopt(record.cgroup);
    std::vector<pid_t> pids;
    if (TRY(find_init(record))) pids = cgroup.exists() ? cgroup.members() : TRY(members_without_cgroup(record));
    std::ranges::sort(pids);
    if (options.json) {
        Json list = Json::array();
        for (pid_t const pid : pids) list.push(pid);
        return list.dump() + "\n";
    }
    auto arguments = words.size() > 1 ? Words(words.begin() + 1, words.end()) : Words{"-ef"};
    return filter(TRY(output_of_ps(arguments)), pids);
}

} // namespace

std::span<Option const> const ps_options = options_of_ps;

int ps(Command const& command, Words const& words) {
    PsOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const shown = shown_processes(parsed.words, options);
    if (!shown) return complain(shown.error());
    return show(shown.value());
}

} // namespace bolt::cli::oci_command
