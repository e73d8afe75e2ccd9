// bolt-oci kill and delete.
#include <csignal>
#include <functional>

#include <poll.h>

#include "cli/oci_commands.h"
#include "cli/oci_making.h"
#include "oci/scope.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::cli::oci_command {

namespace {

struct KillOptions {
    bool all = false, regex = false;
};
constexpr Option options_of_kill[] = {
    {"all", 'a', "", "every process of the container", Set<KillOptions>::flag<&KillOptions::all>},
    {"regex", 'r', "", "the ID is a regular expression: every container that it matches", Set<KillOptions>::flag<&KillOptions::regex>},
};

constexpr Option options_of_delete[] = {
    {"force", 'f', "", "kill it first; what does not exist is no error", Set<DeleteOptions>::flag<&DeleteOptions::force>},
    {"regex", 'r', "", "the ID is a regular expression: every container that it matches", Set<DeleteOptions>::flag<&DeleteOptions::regex>},
};

// One container, or each that the word matches; a failure does not spare the others.
Result<void> for_each(std::string const& word, bool is_expression, std::function<Result<void>(std::string const& id)> const& act) {
    if (!is_expression) return act(word);
    ErrorList errors;
    for (auto const& id : TRY(container_ids(word)))
        if (auto done = act(id); !done) errors.push_back(std::move(done).error());
    return errors.empty() ? Result<void>() : Result<void>(Error(errors.front().code(), join_texts(errors)));
}

// A process that the freezer of cgroup v1 has stopped does not take even SIGKILL.
Result<void> let_go_on(ContainerRecord const& record) {
    auto const cgroup = oci::Cgroup::adopt(record.cgroup);
    return cgroup.is_frozen() ? cgroup.thaw() : Result<void>();
}

// Where the document can no longer be read, init is all that is certain to be the container's.
bool has_own_pid_namespace(ContainerDirectory const& directory) {
    auto const config = directory.read_config();
    return !config || config.value().linux_.makes(spec::NamespaceType::pid);
}

Result<void> send_to_all(ContainerRecord const& record, std::optional<UniqueFd> const& init, oci::Cgroup const& cgroup, int signal) {
    for (pid_t const pid : cgroup.members())
        if (auto const target = open_pidfd(pid); target) (void)signal_pidfd(target.value(), signal).ok(); // it ended a moment ago, ignoring
    if (signal != SIGKILL) return {};
    if (init) (void)signal_pidfd(*init, signal).ok(); // it may have left the cgroup, or ended, ignoring
    TRY(let_go_on(record));
    cgroup.kill_all(); // who was started meanwhile
    return {};
}

Result<void> send(ContainerDirectory const& directory, int signal, KillOptions const& options) {
    auto const record = TRY(directory.read());
    auto const init = TRY(find_init(record));
    if (init && record.is_being_created) return Error::of(ESRCH, "container '{}' is still being created", record.id);
    auto const cgroup = oci::Cgroup::adopt(record.cgroup);
    if (options.all && !cgroup.exists()) return Error::of(ENOTSUP, "container '{}' has no cgroup of its own, so its processes are not known; leave out --all", record.id);
    if (!options.all && !init) return Error::of(ESRCH, "container not running: '{}' has ended", record.id); // containerd looks for these words
    // In a pid namespace of others init's end is not the others' end.
    if (options.all || (signal == SIGKILL && cgroup.exists() && !has_own_pid_namespace(directory))) return send_to_all(record, init, cgroup, signal);
    TRY(signal_pidfd(*init, signal));
    return signal == SIGKILL ? let_go_on(record) : Result<void>();
}

// SIGKILL, and until init is gone.
Result<void> end_init(ContainerRecord const& record) {
    auto const init = TRY(find_init(record));
    if (!init) return {};
    TRY(signal_pidfd(*init, SIGKILL));
    TRY(let_go_on(record));
    pollfd watched{init->number(), POLLIN, 0};
    constexpr int patience = 10'000;
    if (poll(&watched, 1, patience) == 0) return Error::of(ETIMEDOUT, "container '{}': init does not end 10 seconds after SIGKILL; see /proc/{}/stack", record.id, record.pid);
    return {};
}

Result<void> stop_scope_of(ContainerRecord const& record) {
    if (record.scope_unit.empty()) return {};
    auto program = TRY(scope_program());
    auto const manager = TRY(oci::own_systemd());
    return oci::stop_scope({std::move(program), manager, record.scope_unit});
}

// Of a container without a record: where its bundle says. The bundle may have gone before it, and with it what is known.
void remove_cgroup_of(ContainerDirectory const& directory, std::string const& id) {
    auto const document = directory.document();
    auto const loaded = document ? load_document(document.value()) : Result<LoadedBundle>(document.error());
    if (!loaded) return;
    auto const& section = loaded.value().spec.linux_;
    oci::Cgroup::remove_remains({.path = section.cgroups_path, .id = id, .resources = section.resources, .use = cgroup_use_for(loaded.value().spec)});
    if (section.intel_rdt) oci::remove_rdt_remains(*section.intel_rdt, id);
}

} // namespace

namespace {
// What a create left behind that was killed half way.
Result<void> delete_remains(ContainerDirectory const& directory, std::string const& id, DeleteOptions const& options) {
    auto const lock = directory.lock_remains();
    if (!lock) return lock.error().is(ENOENT) ? Result<void>() : lock.error();
    if (directory.read()) return delete_container(id, options); // it was finished meanwhile
    remove_cgroup_of(directory, id);
    return directory.remove();
}
} // namespace

Result<void> delete_container(std::string const& id, DeleteOptions const& options) {
    auto const directory = TRY(ContainerDirectory::of(globals().root, id));
    auto record = directory.read();
    if (!record && record.error().is(ESRCH) && (options.force || exists(directory.path()))) return delete_remains(directory, id, options);
    if (!record) return record.error();
    // Two at once would both take it away, and run its hooks.
    std::optional<FileLock> lock;
    if (!record.value().is_being_created) {
        auto taken = directory.lock_for_change();
        record = taken ? directory.read() : Result<ContainerRecord>(taken.error());
        if (!record && record.error().is(ESRCH) && options.force) return {};
        if (!record) return record.error();
        lock = std::move(taken).value();
    }
    if (!options.force) {
        auto const status = TRY(directory.status_of(record.value()));
        if (status == ContainerStatus::running || status == ContainerStatus::paused || status == ContainerStatus::creating)
            return Error::of(EBUSY, "container '{}' is {}: stop it first, or use 'delete --force'", id, to_text(status));
    }
    TRY(end_init(record.value()));
    // Its creator takes back what it made, and must not find a new container of the name. One that hangs in a hook is not waited for.
    auto const creators = record.value().is_being_created ? directory.lock_remains() : Result<FileLock>(Error(EBUSY, ""));
    if (!creators && creators.error().is(ENOENT)) return {};
    auto cgroup = oci::Cgroup::adopt(record.value().cgroup);
    cgroup.kill_all();
    auto const stopped = stop_scope_of(record.value());
    auto errors = cgroup.remove();
    if (!stopped) errors.push_back(stopped.error());
    for (auto& error : oci::remove_rdt_class(record.value().rdt.own)) errors.push_back(std::move(error));
    auto const spec = record.value().has_poststop_hooks ? directory.read_config() : Result<spec::Runtime>(spec::Runtime());
    // What could not be removed can be tried again as long as there is a record of it.
    if (errors.empty() || options.force)
        if (auto removed = directory.remove(); !removed) errors.push_back(std::move(removed).error());
    if (!spec) warn(fmt::format("poststop hooks: {}, ignoring", spec.error().text()));
    else
        for (auto const& error : oci::run_poststop_hooks(spec.value(), id, record.value().bundle)) warn(fmt::format("{}, ignoring", error.text()));
    if (!errors.empty()) return Error::of(errors.front().code(), "delete container '{}': {}", id, join_texts(errors));
    return {};
}

std::span<Option const> const kill_options = options_of_kill, delete_options = options_of_delete;

int kill(Command const& command, Words const& words) {
    KillOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const killed = [&]() -> Result<void> {
        // 0 asks whether it is there, as with kill(2).
        auto const signal = parsed.words.size() > 1 && parsed.words[1] == "0" ? 0 : TRY(parse_signal(parsed.words.size() > 1 ? parsed.words[1] : "SIGTERM"));
        return for_each(parsed.words[0], options.regex, [&](std::string const& id) -> Result<void> {
            auto const directory = TRY(ContainerDirectory::of(globals().root, id));
            return send(directory, signal, options);
        });
    }();
    return killed ? 0 : complain(killed.error());
}

int remove(Command const& command, Words const& words) {
    DeleteOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const removed = for_each(parsed.words[0], options.regex, [&](std::string const& id) { return delete_container(id, options); });
    return removed ? 0 : complain(removed.error());
}

} // namespace bolt::cli::oci_command
