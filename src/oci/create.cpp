// runtime.md's lifecycle as the runtime sees it; the numbers are its steps.
#include "oci/container.h"

#include <algorithm>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "oci/hooks.h"
#include "oci/init.h"
#include "oci/messages.h"
#include "oci/own_cgroup.h"
#include "oci/scope.h"
#include "sys/credentials.h"
#include "sys/file.h"
#include "sys/namespaces.h"
#include "sys/network_interface.h"
#include "sys/unix_socket.h"
#include "sys/user_namespace.h"

namespace bolt::oci {

namespace {

Result<std::vector<InitPlan::Join>> open_namespaces(std::vector<std::pair<unsigned long, std::string>> const& paths) {
    std::vector<InitPlan::Join> joins;
    for (auto const& [flag, path] : paths) {
        auto file = TRY(open_file(TRY(HostPath::parse(path)), O_RDONLY | O_NONBLOCK).while_doing("linux.namespaces")); // a fifo would wait for its writer
        joins.push_back({std::move(file), flag, path});
    }
    return joins;
}

// Joins what only children enter, clones init as the caller's own child, and tells its pid. Ends at once.
Result<Process> clone_by_intermediate(std::vector<InitPlan::Join> const& before, CloneOptions options, std::function<int()> const& body) {
    auto [ours, theirs] = TRY(Channel::make_pair());
    auto intermediate = TRY(clone_process({}, [&, &ours = ours, &theirs = theirs] {
        ours.close();
        pid_t pid = 0;
        auto const outcome = [&]() -> Result<void> {
            // Neighbours in what is joined must not look at a process that is still the host's root.
            if (geteuid() == 0) TRY(set_not_dumpable());
            for (auto const& join : before) TRY(join_namespace(join.name_space, join.flag).while_doing("linux.namespaces: '{}'", join.path));
            options.parent_of_caller = true;
            auto init = TRY(clone_process(options, body));
            pid = init.release();
            return {};
        }();
        bool const told = send_report(theirs, outcome) && (!outcome || theirs.send({reinterpret_cast<char const*>(&pid), sizeof pid}));
        return told ? 0 : 1;
    }));
    theirs.close();
    TRY(receive_report(ours, intermediate, "join namespaces"));
    auto const message = TRY(ours.receive());
    pid_t pid = 0;
    if (!message || message->bytes.size() != sizeof pid) return Error::of(ECHILD, "the process that joins namespaces ended early");
    std::memcpy(&pid, message->bytes.data(), sizeof pid);
    auto init = TRY(adopt_process(pid));
    TRY(intermediate.wait());
    return init;
}

Result<void> check_name(std::string_view field, std::string_view name) {
    constexpr std::size_t most = 64; // __NEW_UTS_LEN
    return name.size() <= most ? Result<void>() : Error::of(EINVAL, "{}: '{}' has {} bytes, and the kernel takes {} at most", field, name, name.size(), most);
}

Result<InitPlan> plan_init(CreateRequest const& request) {
    auto const& spec = *request.spec;
    if (!spec.process) return Error::of(EINVAL, "field 'process' is missing: there is nothing to run");
    if (!request.overlay && spec.root_path.empty()) return Error::of(EINVAL, "field 'root' is missing");
    InitPlan plan;
    plan.request = &request;
    auto const annotations = TRY(parse_annotations(spec.annotations));
    TRY(check_sysctls(spec.linux_));
    TRY(check_name("hostname", spec.hostname));
    TRY(check_name("domainname", spec.domainname));
    if (!spec.linux_.mount_label.empty() && !exists(TRY(HostPath::parse("/sys/fs/selinux/enforce")))) return Error::of(ENOTSUP, "linux.mountLabel: SELinux is not enabled on this host");
    plan.namespaces = TRY(plan_namespaces(spec.linux_));
    plan.joined = TRY(open_namespaces(plan.namespaces.joined_by_init));
    plan.has_user_namespace = spec.linux_.find(spec::NamespaceType::user) != nullptr;
    plan.limited_from_outside = plan.has_user_namespace && geteuid() == 0;
    // In a mount namespace of others they would be seen, and stay.
    if (spec.linux_.makes(spec::NamespaceType::mount)) plan.mounts = TRY(plan_mounts(spec, request.bundle, annotations));
    plan.mapped_mounts = TRY(make_mapped_mounts(plan.mounts));
    plan.identity = TRY(plan_identity({.process = *spec.process,
                                       .section = spec.linux_,
                                       .annotations = annotations,
                                       .ready_program = request.seccomp_program,
                                       .state = [&] { return state_document(spec, request.id, "creating", 0, request.bundle); }}));
    if (!spec.hooks.create_container.empty() || !spec.hooks.start_container.empty()) plan.hook_output = TRY(open_hook_output(annotations));
    if (request.start_socket) plan.start_listener = TRY(listen_at(*request.start_socket, UnixSocketKind::messages, 1).while_doing("wait for the start"));
    return plan;
}

// With the caller's privilege over the interfaces. When the namespace ends, the kernel gives physical ones back and ends virtual ones.
Result<void> move_interfaces(spec::Linux const& section, pid_t init) {
    if (section.net_devices.empty()) return {};
    auto const& joined = section.find(spec::NamespaceType::network)->path;
    auto const name_space = TRY(open_file(TRY(HostPath::parse(joined.empty() ? fmt::format("/proc/{}/ns/net", init) : joined)), O_RDONLY));
    for (auto const& [name, new_name] : section.net_devices) TRY(move_interface(name, name_space, new_name));
    return {};
}

// What init may need from outside before it goes on.
Result<void> place_init(CreateRequest const& request, Created const& created, InitPlan const& plan) {
    if (plan.namespaces.makes(namespace_flag::user)) TRY(write_id_maps(created.init.pid(), plan.namespaces.mappings).while_doing("linux.uidMappings and linux.gidMappings"));
    if (created.cgroup.exists() && !created.cgroup.birthplace().is_open() && !plan.cgroup_to_enter.exists()) TRY(enter_cgroup(request, created));
    TRY(enter_rdt_class(created.rdt.entered, created.init.pid()).while_doing("linux.intelRdt"));
    TRY(move_interfaces(request.spec->linux_, created.init.pid()).while_doing("linux.netDevices"));
    return plan.waits_to_be_placed ? created.start.send(word_go) : Result<void>();
}

// Everything that init says until it is created.
Result<void> follow_init(CreateRequest const& request, Created& created) {
    auto const& spec = *request.spec;
    for (;;) {
        auto message = TRY(created.start.receive());
        if (!message) {
            auto const ended = TRY(created.init.wait());
            auto const limit = spec.linux_.resources.memory.limit.value_or(-1);
            auto const why = ended.signal == SIGKILL && limit > 0 ? fmt::format("; resources.memory.limit of {} bytes may be too low", limit) : std::string();
            return Error::of(ECHILD, "init {} while it set up the container{}", ended.text(), why);
        }
        if (message->bytes == word_container_hooks) {
            created.hooks_have_begun = true;
        } else if (message->bytes == word_runtime_hooks) {
            created.hooks_have_begun = true;
            // 4, 5: prestart and createRuntime hooks, in the runtime's namespaces.
            auto const state = state_document(spec, request.id, "creating", created.init.pid(), request.bundle).dump();
            auto const printed = TRY(open_hook_output(TRY(parse_annotations(spec.annotations))));
            TRY(run_hooks("prestart", spec.hooks.prestart, state, printed, {.directory = request.bundle, .environment = {}}));
            TRY(run_hooks("createRuntime", spec.hooks.create_runtime, state, printed, {.directory = request.bundle, .environment = {}}));
            (void)created.start.send(word_go).ok(); // an init that has ended does not hear it, and that is what comes next
        } else if (message->bytes.starts_with(word_warning)) {
            created.warnings.push_back(message->bytes.substr(word_warning.size()));
        } else if (message->bytes == word_console && message->descriptors.size() == 1) {
            created.console = std::move(message->descriptors.front());
        } else if (auto reported = parse_report(message->bytes)) {
            return *std::move(reported);
        } else {
            return Error::of(EPROTO, "init said something that is not in the protocol");
        }
    }
}

} // namespace

Json state_document(spec::Runtime const& spec, std::string_view id, std::string_view status, pid_t pid, HostPath const& bundle) {
    Json state;
    state.set("ociVersion", spec.oci_version).set("id", id).set("status", status);
    if (pid > 0) state.set("pid", static_cast<std::int64_t>(pid));
    state.set("bundle", bundle.text());
    Json annotations = Json::object();
    for (auto const& [name, value] : spec.annotations) annotations.set(name, value);
    state.set_unless_empty("annotations", std::move(annotations));
    return state;
}

namespace {

// 1, 2: the document is checked as far as it can be without doing anything; then the cgroup, which is outside of init.
Result<InitPlan> prepare(CreateRequest const& request, Created& created, std::optional<Scope>& scope) {
    auto const& spec = *request.spec;
    auto plan = TRY(plan_init(request));
    created.warnings = warn_of_capabilities(*spec.process, plan.has_user_namespace ? UserNamespaceOf::container : UserNamespaceOf::runtime);
    TRY(make_cgroup(request, created, scope));
    for (auto& step : plan.mounts)
        if (auto* const shown = std::get_if<MountCgroup>(&step)) shown->own = created.cgroup.directories();
    if (auto const& rdt = spec.linux_.intel_rdt)
        created.rdt = TRY(make_rdt_class(*rdt, request.id, TRY(resctrl_top().while_doing("linux.intelRdt"))).while_doing("linux.intelRdt"));
    // The kernel lets a user's process into the user's own scopes only from beside them: systemd moves it.
    if (scope && TRY(own_systemd()) == SystemdManager::user) created.cgroup.use_no_birthplace();
    // Nobody can be born where no process may be made, nor without clone3(2) anywhere but where the parent is.
    if (spec.linux_.resources.pids_limit == 0 || (created.cgroup.birthplace().is_open() && !has_clone3())) created.cgroup.use_no_birthplace();
    bool const is_born_outside = created.cgroup.exists() && !created.cgroup.birthplace().is_open();
    // By itself it is quick, but in a user namespace it has no privilege over the group's files.
    if (is_born_outside && !scope && !plan.has_user_namespace) plan.cgroup_to_enter = Cgroup::adopt(created.cgroup.directories());
    // Moving another process between cgroups takes the kernel long: init goes on meanwhile, unless its cgroup is what a namespace
    // begins at, or it starts processes.
    bool const is_moved = is_born_outside && !plan.cgroup_to_enter.exists();
    plan.waits_to_be_placed = plan.namespaces.makes(namespace_flag::user) || !spec.linux_.net_devices.empty() || spec.linux_.intel_rdt ||
                              (is_moved && (plan.namespaces.makes(namespace_flag::cgroup) || !spec.hooks.create_container.empty()));
    return plan;
}

Error explain_clone(Error failure, InitPlan const& plan) {
    if (failure.is(EPERM) && geteuid() != 0 && !plan.has_user_namespace)
        return Error::of(EPERM, "linux.namespaces: an ordinary user's container needs a user namespace; 'bolt-oci spec --rootless' writes one");
    if (failure.is(ENOMEM) && !plan.namespaces.joined_before.empty()) return Error::of(ESRCH, "linux.namespaces: the init of the pid namespace that is joined has ended");
    return failure;
}

Result<void> clone_init(CreateRequest const& request, InitPlan const& plan, Created& created) {
    auto const before = TRY(open_namespaces(plan.namespaces.joined_before));
    auto [ours, theirs] = TRY(Channel::make_pair());
    CloneOptions const options{.namespaces = plan.namespaces.made_by_clone, .cgroup = created.cgroup.birthplace()};
    auto const body = [&plan, &request, &ours = ours, &theirs = theirs] {
        ours.close();
        if (request.callers_alone.is_open()) close(request.callers_alone.number());
        return run_init(plan, theirs);
    };
    auto cloned = before.empty() ? clone_process(options, body) : clone_by_intermediate(before, options, body);
    if (!cloned) return explain_clone(std::move(cloned).error(), plan);
    created.init = std::move(cloned).value();
    created.start = std::move(ours);
    theirs.close();
    return place_init(request, created, plan);
}

// Innermost first. What that complains of would hide why.
void undo(CreateRequest const& request, Created& created) {
    created.init = Process();
    created.cgroup.kill_all();
    (void)stop_scope_of(request, created).ok();
    (void)created.cgroup.remove();
    (void)remove_rdt_class(created.rdt.own);
    if (request.start_socket) unlink(request.start_socket->c_str());
    // 13: what the others did is taken back too.
    if (created.hooks_have_begun) (void)run_poststop_hooks(*request.spec, request.id, request.bundle);
}

// What cannot be said to init, or done to it, because it has ended: it knows better why.
Error find_reason(CreateRequest const& request, Created& created, Error failure) {
    if (!created.init.is_running() || !(failure.is(EPIPE) || failure.is(ESRCH) || failure.is(ENOENT))) return failure;
    constexpr int patience = 1000;
    pollfd ended{created.init.pidfd().number(), POLLIN, 0};
    if (poll(&ended, 1, patience) != 1) return failure;
    auto told = follow_init(request, created);
    return told ? failure : std::move(told).error();
}

// Nothing else is said to init that could come after it.
bool may_start_early(CreateRequest const& request, InitPlan const& plan) {
    auto const& hooks = request.spec->hooks;
    bool const moves_on = std::ranges::any_of(request.spec->annotations, [](auto const& annotation) { return annotation.first == "run.oci.delegate-cgroup"; });
    return request.starts_at_once && !moves_on && !request.start_socket && !mounts_block_devices(*request.spec) && !plan.limited_from_outside && hooks.prestart.empty() && hooks.create_runtime.empty();
}

} // namespace

Result<Created> create(CreateRequest const& request) {
    Created created;
    std::optional<Scope> scope; // held until init is in
    auto plan = prepare(request, created, scope);
    auto made = plan ? clone_init(request, plan.value(), created) : Result<void>(plan.error());
    scope.reset();
    if (!made) {
        auto const failure = find_reason(request, created, std::move(made).error());
        undo(request, created);
        return without_command_codes(failure);
    }
    if (request.meanwhile) made = request.meanwhile(created);
    // An init that has failed by now does not hear it, and its report says why.
    if (made && may_start_early(request, plan.value())) created.is_told_to_start = created.start.send(word_start).ok();
    if (made) made = follow_init(request, created);
    if (made) made = restrict_devices_late(request, created);
    if (made) made = enter_delegated_group(request, created);
    if (made && plan.value().limited_from_outside) {
        auto const proc = Procfs::open();
        made = proc ? set_limits_and_score_of(created.init.pid(), plan.value().identity, proc.value()) : Result<void>(proc.error());
        if (made) made = set_priorities_of(created.init.pid(), plan.value().identity);
    }
    if (!made) {
        undo(request, created);
        return std::move(made).error();
    }
    return created;
}

void leave_to_others(Created& container) {
    (void)container.start.send(word_go).ok(); // an init that has ended is a container that has ended
    container.start.close();
}

Result<void> start(Created& container, CreateRequest const& request) {
    // 8: startContainer hooks and the process itself are init's.
    if (!container.is_told_to_start) TRY(container.start.send(word_start).while_doing("start the container"));
    TRY(await_execution(container.start));
    container.start.close();
    // 9: their failure ends the container.
    auto hooked = run_poststart_hooks(*request.spec, request.id, container.init.pid(), request.bundle);
    if (!hooked) (void)container.init.kill(SIGKILL).ok(); // it may have ended by itself, ignoring
    if (!hooked) container.cgroup.kill_all();             // what it has started in a pid namespace of others
    return hooked;
}

Result<void> start_over_socket(HostPath const& path) {
    auto connected = connect_to(path, UnixSocketKind::messages).while_doing("start the container");
    if (!connected) return Error(ECONNREFUSED, connected.error().text()); // somebody else starts it, or it is gone
    Channel const channel(std::move(connected).value());
    TRY(channel.send(word_start));
    // From here on init runs or ends, also when this process ends first.
    unlink(path.c_str());
    return await_execution(channel);
}

Result<void> run_poststart_hooks(spec::Runtime const& spec, std::string_view id, pid_t pid, HostPath const& bundle) {
    if (spec.hooks.poststart.empty()) return {};
    auto const annotations = parse_annotations(spec.annotations);
    auto const printed = annotations ? open_hook_output(annotations.value()) : Result<HookOutput>(annotations.error());
    if (!printed) return Error::of(ECANCELED, "poststart hooks: {}", printed.error().text());
    return run_hooks("poststart", spec.hooks.poststart, state_document(spec, id, "running", pid, bundle).dump(), printed.value(), {.directory = bundle, .environment = {}});
}

namespace {
// Its files may be gone before the container is deleted.
HookPlace existing(HostPath const& bundle) { return {.directory = exists(bundle) ? std::optional(bundle) : std::nullopt, .environment = {}}; }
} // namespace

ErrorList run_poststop_hooks(spec::Runtime const& spec, std::string_view id, HostPath const& bundle) {
    ErrorList errors;
    if (spec.hooks.poststop.empty()) return errors;
    auto const annotations = parse_annotations(spec.annotations);
    auto printed = annotations ? open_hook_output(annotations.value()) : Result<HookOutput>(annotations.error());
    if (!printed) errors.push_back(printed.error());
    auto const output = printed ? std::move(printed).value() : HookOutput();
    for (auto& error : run_all_hooks("poststop", spec.hooks.poststop, state_document(spec, id, "stopped", 0, bundle).dump(), output, existing(bundle))) errors.push_back(std::move(error));
    return errors;
}

ErrorList remove(Created& container, CreateRequest const& request) {
    // 12: what the create made is taken back.
    container.init = Process();
    container.start.close();
    container.console.close();
    if (!container.scope_unit.empty() || !container.cgroup.remove_if_empty()) container.cgroup.kill_all();
    auto const stopped = stop_scope_of(request, container);
    auto errors = container.cgroup.remove();
    if (!stopped) errors.push_back(stopped.error());
    for (auto& error : remove_rdt_class(container.rdt.own)) errors.push_back(std::move(error));
    if (request.start_socket) unlink(request.start_socket->c_str());
    // 13
    for (auto& error : run_poststop_hooks(*request.spec, request.id, request.bundle)) errors.push_back(std::move(error));
    return errors;
}

} // namespace bolt::oci
