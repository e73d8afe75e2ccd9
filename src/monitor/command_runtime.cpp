// Another OCI runtime, by the command line that runc, crun and youki share. What it makes is our child in the end: the
// runtime's process ends after `create`, and we are the subreaper.
#include "monitor/runtime.h"

#include "monitor/death_watch.h"

#include <algorithm>
#include <csignal>

#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "oci/memory_events.h"
#include "monitor/overlay.h"
#include "monitor/process_document.h"
#include "sys/channel.h"
#include "sys/file.h"
#include "sys/unix_socket.h"

namespace bolt::monitor {

namespace {

// Where a runtime connects to hand over a terminal's master.
class ConsoleSocket {
public:
    static Result<ConsoleSocket> listen(HostPath path) {
        (void)remove_file(path).ok(); // left by a monitor that was killed; mostly not there, ignoring
        auto listener = TRY(listen_at(path, UnixSocketKind::stream, 1));
        TRY(set_nonblocking(listener));
        return ConsoleSocket(std::move(path), std::move(listener));
    }
    ~ConsoleSocket() {
        if (listener_.is_open()) (void)remove_file(path_).ok();
    }
    ConsoleSocket(ConsoleSocket&&) noexcept = default;

    // After the runtime ended: it has connected by then, or never will.
    Result<UniqueFd> take() const {
        auto connection = TRY(accept_one(listener_).while_doing("the runtime handed over no terminal"));
        auto sent = TRY(Channel(std::move(connection)).receive().while_doing("take the terminal from the runtime"));
        if (!sent || sent->descriptors.empty()) return Error::of(EPROTO, "the runtime handed over no terminal");
        return std::move(sent->descriptors.front());
    }

private:
    ConsoleSocket(HostPath path, UniqueFd listener) : path_(std::move(path)), listener_(std::move(listener)) {}
    HostPath path_;
    UniqueFd listener_;
};

// The last error of a runtime's log: a JSON object a line, {"level":"error","msg":"…"}.
std::string last_complaint(HostPath const& log) {
    auto const text = read_file(log);
    std::string complaint;
    if (!text) return complaint;
    for (auto const line : split(text.value(), '\n')) {
        auto const entry = Json::parse(line);
        if (!entry) continue;
        auto const said = entry.value().string_or("msg", "");
        if (said && !said.value().empty()) complaint = said.value();
    }
    return complaint;
}

// Runtimes tell in words only why a command cannot be run; docker reads the same ones.
int code_of_complaint(std::string_view complaint) {
    auto const says = [&](std::string_view words) { return complaint.find(words) != complaint.npos; };
    if (says("executable file not found") || says("is not in $PATH") || (says("exec") && says("no such file or directory"))) return ENOENT;
    if (says("exec") && (says("permission denied") || says("is a directory"))) return EACCES;
    return EIO;
}

// Of this process, which runs one container after the other: entered once.
NamespaceState mount_namespace = NamespaceState::shared;

// The network namespace is the monitor's own: the container is born in it.
void drop_network_namespace(Json::Object& spec) {
    for (auto& [key, part] : spec) {
        if (key != "linux" || !part.find_object()) continue;
        for (auto& [name, namespaces] : *part.find_object())
            if (name == "namespaces" && namespaces.find_array())
                std::erase_if(*namespaces.find_array(), [](Json const& entry) {
                    auto const type = entry.find_string("type");
                    return type && type.value() == "network" && !entry.find("path");
                });
    }
}

bool makes_pid_namespace(Json const& spec) {
    auto const* const part = spec.find("linux");
    auto const* const namespaces = part ? part->find("namespaces") : nullptr;
    if (!namespaces || !namespaces->find_array()) return false;
    return std::any_of(namespaces->find_array()->begin(), namespaces->find_array()->end(), [](Json const& entry) {
        auto const type = entry.find_string("type");
        return type && type.value() == "pid" && !entry.find("path");
    });
}

class CommandRuntime final : public Runtime {
public:
    explicit CommandRuntime(HostPath program) : program_(std::move(program)) {}

    Result<void> create(Request const& request, ContainerEnds const& ends) override;
    Result<void> start() override { return call({"start", id_}); }
    Process& init() override { return init_; }
    UniqueFd take_console() override { return std::move(console_); }
    std::string cgroup() const override { return memory_.directory ? oci::cgroup_path_of({*memory_.directory}) : ""; }
    std::uint64_t memory_kills() const override { return memory_.kills(); }
    Result<Tenant> exec(Request const& container, ExecRequest const& request, ContainerUser const& user, ContainerEnds const& ends) override;
    void kill_all() override;
    ErrorList remove() override;
    bool reap_own(pid_t pid) override {
        if (!death_watch_ || !death_watch_->is(pid)) return false;
        death_watch_->reap();
        return true;
    }

private:
    // With the container's streams where it passes them on; else with /dev/null.
    Result<void> call(std::vector<std::string> arguments, ContainerEnds const* ends = nullptr);
    Result<Tenant> call_to_make(std::vector<std::string> arguments, bool terminal, ContainerEnds const& ends);
    Result<Process> take_pid_file();
    // Of this process alone: tenants are made by children of the monitor, several at a time.
    HostPath own_file(std::string_view kind) const { return bundle_ / fmt::format("call-{}.{}", getpid(), kind); }
    Result<Json> bundle_spec(Request const& request);

    HostPath program_, bundle_;
    std::string id_;
    bool made_ = false;
    std::optional<MountedOverlay> overlay_;
    Process init_;
    std::optional<DeathWatch> death_watch_;
    bool own_pid_namespace_ = false;
    UniqueFd console_;
    oci::MemoryEvents memory_;
};

// Runs the program to its end.
Result<void> CommandRuntime::call(std::vector<std::string> arguments, ContainerEnds const* ends) {
    auto const log = own_file("log");
    (void)remove_file(log).ok(); // of a process that had this one's pid before; mostly not there, ignoring
    SpawnOptions options;
    options.arguments = {program_.text(), "--root", (bundle_ / "runtime").text(), "--log", log.text(), "--log-format", "json"};
    auto const operation = arguments.front();
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    options.working_directory = bundle_;
    options.dies_with_parent = true; // a tenant's maker may be dismissed: the container has ended
    if (ends) {
        options.input = ends->input;
        options.output = ends->output;
        options.error = ends->error;
    }
    auto spawned = spawn(program_, options);
    if (!spawned) return Error::of(EIO, "run the runtime: {}", spawned.error().text()); // its ENOENT and EACCES are not the command's
    auto process = std::move(spawned).value();
    auto const ended = TRY(process.wait());
    auto const complaint = last_complaint(log);
    (void)remove_file(log).ok(); // not there when it said nothing, ignoring
    if (ended.shell_code() == 0) return {};
    return Error::of(code_of_complaint(complaint), "'{} {}' {}{}{}", program_, operation, ended.text(), complaint.empty() ? "" : ": ", complaint);
}

Result<Process> CommandRuntime::take_pid_file() {
    auto const file = own_file("pid");
    auto written = read_file(file);
    if (!written) return Error::of(EIO, "'{}' wrote no pid file; is it an OCI runtime?", program_);
    auto const text = std::move(written).value();
    auto const pid = static_cast<pid_t>(TRY(parse_unsigned(trim(text)).while_doing("read '{}'", file)));
    auto process = TRY(adopt_process(pid));
    TRY(remove_file(file));
    return process;
}

// `create` and `exec`: the process and, with a terminal, the master that the runtime hands over.
Result<Tenant> CommandRuntime::call_to_make(std::vector<std::string> arguments, bool terminal, ContainerEnds const& ends) {
    arguments.insert(arguments.end(), {"--pid-file", own_file("pid").text()});
    std::optional<ConsoleSocket> console;
    if (terminal) {
        console.emplace(TRY(ConsoleSocket::listen(own_file("sock"))));
        // From the working directory, so that it is short: crun takes no path longer than a socket's address.
        arguments.insert(arguments.end(), {"--console-socket", std::string(own_file("sock").name())});
    }
    arguments.push_back(id_);
    TRY(call(std::move(arguments), &ends));
    Tenant made;
    made.process = TRY(take_pid_file());
    if (console) made.console = TRY(console->take());
    return made;
}

Result<Json> CommandRuntime::bundle_spec(Request const& request) {
    auto spec = request.spec;
    auto* const members = spec.find_object();
    if (!members) return Error::of(EINVAL, "field 'spec' is {}, not an object", spec.kind());
    drop_network_namespace(*members);
    if (!request.overlay) return spec;
    Json root;
    root.set("path", (bundle_ / "rootfs").text());
    auto const* const old = spec.find("root");
    root.set("readonly", old ? TRY(old->bool_or("readonly", false)) : false);
    std::erase_if(*members, [](auto const& member) { return member.first == "root"; });
    spec.set("root", std::move(root));
    return spec;
}

Result<void> CommandRuntime::create(Request const& request, ContainerEnds const& ends) {
    bundle_ = request.run_directory;
    id_ = request.id;
    if (request.overlay) overlay_.emplace(TRY(MountedOverlay::mount(*request.overlay, bundle_ / "rootfs", mount_namespace)));
    auto const spec = TRY(bundle_spec(request));
    own_pid_namespace_ = makes_pid_namespace(spec);
    TRY(write_file(bundle_ / "config.json", spec.dump(), 0600, Durability::none));
    // What it keeps of a run whose monitor was killed.
    if (exists(bundle_ / "runtime" / id_)) (void)call({"delete", "--force", id_}).ok(); // the create says what is still wrong, ignoring
    auto made = call_to_make({"create", "--bundle", bundle_.text()}, request.terminal, ends);
    if (!made) {
        (void)call({"delete", "--force", id_}).ok(); // what it left, mostly nothing, ignoring
        return std::move(made).error();
    }
    made_ = true;
    init_ = std::move(made->process);
    console_ = std::move(made->console);
    death_watch_.emplace(TRY(DeathWatch::begin(init_)));
    memory_ = oci::MemoryEvents::of_process(init_.pid(), id_);
    return {};
}

Result<Tenant> CommandRuntime::exec(Request const& container, ExecRequest const& request, ContainerUser const& user, ContainerEnds const& ends) {
    if (request.privileged) return Error::of(ENOTSUP, "--privileged is not possible with another runtime, which keeps the container's seccomp filter; leave it out");
    auto const file = own_file("json");
    auto const process = TRY(tenant_process(container.spec, request, user, last_capability_of_kernel()));
    TRY(write_file(file, process.dump(), 0600, Durability::none));
    auto made = call_to_make({"exec", "--detach", "--process", file.text()}, request.terminal, ends);
    (void)remove_file(file).ok(); // goes with the bundle otherwise, ignoring
    return made;
}

void CommandRuntime::kill_all() {
    // The rest goes with init's pid namespace; a container without one is the runtime's to empty.
    if (init_.is_running()) (void)init_.kill(SIGKILL).ok(); // ended a moment ago, ignoring
    if (!own_pid_namespace_ && made_) (void)call({"kill", "--all", id_, "KILL"}).ok(); // nobody left is an error to runtimes, ignoring
}

ErrorList CommandRuntime::remove() {
    ErrorList errors;
    if (made_) {
        if (auto const deleted = call({"delete", "--force", id_}); !deleted) errors.push_back(deleted.error());
        made_ = false;
    }
    if (init_.is_running()) init_ = Process();
    death_watch_.reset();
    if (overlay_)
        if (auto const unmounted = overlay_->unmount(); !unmounted) errors.push_back(unmounted.error());
    overlay_.reset();
    return errors;
}

} // namespace

std::unique_ptr<Runtime> make_command_runtime(HostPath program) { return std::make_unique<CommandRuntime>(std::move(program)); }

} // namespace bolt::monitor
