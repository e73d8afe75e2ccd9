// Another OCI runtime, by the command line that runc, crun and youki share. What it makes is our child in the end: the
// runtime's process ends after `create`, and we are the subreaper.
#include "monitor/runtime.h"

#include "monitor/death_watch.h"

#include <csignal>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "monitor/memory_events.h"
#include "monitor/overlay.h"
#include "monitor/process_document.h"
#include "sys/channel.h"
#include "sys/file.h"

namespace bolt::monitor {

namespace {

// Where a runtime connects to hand over a terminal's master. The name is relative to the bundle, since a socket's address
// ends after 107 bytes.
class ConsoleSocket {
public:
    static constexpr std::string_view name = "console.sock";

    static Result<ConsoleSocket> listen(HostPath const& bundle) {
        ConsoleSocket made(bundle / name);
        (void)remove_file(made.path_).ok(); // left by a monitor that was killed; mostly not there, ignoring
        made.directory_ = TRY(open_file(bundle, O_PATH | O_DIRECTORY));
        made.listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        auto const text = fmt::format("/proc/self/fd/{}/{}", made.directory_.number(), name);
        std::memcpy(address.sun_path, text.data(), text.size());
        if (!made.listener_.is_open() || bind(made.listener_.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
            ::listen(made.listener_.number(), 1) < 0)
            return Error::from_errno("make the socket '{}'", made.path_);
        return made;
    }
    ~ConsoleSocket() {
        if (listener_.is_open()) (void)remove_file(path_).ok();
    }
    ConsoleSocket(ConsoleSocket&&) noexcept = default;

    // After the runtime ended: it has connected by then, or never will.
    Result<UniqueFd> take() const {
        UniqueFd const connection(accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection.is_open()) return Error::from_errno("the runtime handed over no terminal");
        auto const sent = TRY(Channel(TRY(duplicate(connection))).receive().while_doing("take the terminal from the runtime"));
        if (!sent || sent->descriptors.empty()) return Error::of(EPROTO, "the runtime handed over no terminal");
        return duplicate(sent->descriptors.front());
    }

private:
    explicit ConsoleSocket(HostPath path) : path_(std::move(path)) {}
    HostPath path_;
    UniqueFd directory_, listener_;
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
    std::string cgroup() const override { return memory_.directory ? cgroup_path_of({*memory_.directory}) : ""; }
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
    Result<Process> read_pid_file();
    Result<Json> bundle_spec(Request const& request);

    HostPath program_, bundle_;
    std::string id_;
    bool made_ = false;
    std::optional<MountedOverlay> overlay_;
    Process init_;
    std::optional<DeathWatch> death_watch_;
    bool own_pid_namespace_ = false;
    UniqueFd console_;
    MemoryEvents memory_;
};

// Runs the program to its end.
Result<void> CommandRuntime::call(std::vector<std::string> arguments, ContainerEnds const* ends) {
    auto const log = bundle_ / "runtime.log";
    (void)remove_file(log).ok(); // mostly not there, ignoring
    SpawnOptions options;
    options.arguments = {program_.text(), "--root", (bundle_ / "runtime").text(), "--log", log.text(), "--log-format", "json"};
    auto const operation = arguments.front();
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    options.working_directory = bundle_;
    if (ends) {
        options.input = ends->input;
        options.output = ends->output;
        options.error = ends->error;
    }
    auto spawned = spawn(program_, options);
    if (!spawned) return Error::of(EIO, "run the runtime: {}", spawned.error().text()); // its ENOENT and EACCES are not the command's
    auto process = std::move(spawned).value();
    auto const ended = TRY(process.wait());
    if (ended.shell_code() == 0) return {};
    auto const complaint = last_complaint(log);
    return Error::of(code_of_complaint(complaint), "'{} {}' {}{}{}", program_, operation, ended.text(), complaint.empty() ? "" : ": ", complaint);
}

Result<Process> CommandRuntime::read_pid_file() {
    auto const text = TRY(read_file(bundle_ / "pid"));
    auto const pid = static_cast<pid_t>(TRY(parse_unsigned(trim(text)).while_doing("read '{}'", bundle_ / "pid")));
    auto pidfd = TRY(open_pidfd(pid));
    return Process(pid, std::move(pidfd));
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
    std::vector<std::string> arguments{"create", "--bundle", bundle_.text(), "--pid-file", (bundle_ / "pid").text()};
    std::optional<ConsoleSocket> console;
    if (request.terminal) {
        console.emplace(TRY(ConsoleSocket::listen(bundle_)));
        arguments.emplace_back("--console-socket");
        arguments.emplace_back(ConsoleSocket::name);
    }
    arguments.push_back(id_);
    TRY(call(std::move(arguments), &ends));
    made_ = true;
    init_ = TRY(read_pid_file());
    death_watch_.emplace(TRY(DeathWatch::begin(init_)));
    if (console) console_ = TRY(console->take());
    memory_ = MemoryEvents::of_process(init_.pid(), id_);
    return {};
}

Result<Tenant> CommandRuntime::exec(Request const& container, ExecRequest const& request, ContainerUser const& user, ContainerEnds const& ends) {
    if (request.privileged) return Error::of(ENOTSUP, "--privileged is not possible with another runtime, which keeps the container's seccomp filter; leave it out");
    auto const file = bundle_ / "process.json";
    auto const process = TRY(tenant_process(container.spec, request, user, last_capability_of_kernel()));
    TRY(write_file(file, process.dump(), 0600, Durability::none));
    std::vector<std::string> arguments{"exec", "--detach", "--process", file.text(), "--pid-file", (bundle_ / "pid").text()};
    std::optional<ConsoleSocket> console;
    if (request.terminal) {
        console.emplace(TRY(ConsoleSocket::listen(bundle_)));
        arguments.emplace_back("--console-socket");
        arguments.emplace_back(ConsoleSocket::name);
    }
    arguments.push_back(id_);
    TRY(call(std::move(arguments), &ends));
    Tenant tenant;
    tenant.process = TRY(read_pid_file());
    if (console) tenant.console = TRY(console->take());
    return tenant;
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
