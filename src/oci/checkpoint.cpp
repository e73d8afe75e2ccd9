#include "oci/checkpoint.h"

#include <csignal>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "oci/messages.h"
#include "oci/mount_plan.h"
#include "oci/own_cgroup.h"
#include "oci/sources.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "sys/namespaces.h"
#include "sys/root.h"

namespace bolt::oci {

namespace {

// Where the standard streams led, in the images' directory: runc's file.
constexpr char streams_file[] = "descriptors.json";

Result<HostPath> find_criu() {
    auto found = find_program("criu");
    if (!found && found.error().is(ENOENT)) return Error::of(ENXIO, "program 'criu' is not installed; install the package criu");
    return found;
}

void add_flag(std::vector<std::string>& words, bool is_set, std::string_view name) {
    if (is_set) words.emplace_back(name);
}

void add_value(std::vector<std::string>& words, std::string_view name, std::string const& value) {
    if (!value.empty()) words.insert(words.end(), {std::string(name), value});
}

Result<void> add_page_server(std::vector<std::string>& words, std::string const& page_server) {
    if (page_server.empty()) return {};
    auto const colon = page_server.rfind(':');
    if (colon == std::string::npos) return Error::of(EINVAL, "'{}' is not ADDRESS:PORT", page_server);
    words.insert(words.end(), {"--page-server", "--address", page_server.substr(0, colon), "--port", page_server.substr(colon + 1)});
    return {};
}

// What a dump and a restore have in common.
std::vector<std::string> common_words(CriuOptions const& options, std::string_view operation, std::string_view log) {
    std::vector<std::string> words{"criu", std::string(operation), "--images-dir", options.images.text(), "--work-dir", options.work.text(), "--log-file", std::string(log), "-v4"};
    words.push_back("--manage-cgroups=" + options.manage_cgroups);
    add_flag(words, options.tcp_established, "--tcp-established");
    add_flag(words, options.ext_unix_sk, "--ext-unix-sk");
    add_flag(words, options.shell_job, "--shell-job");
    add_flag(words, options.file_locks, "--file-locks");
    add_flag(words, options.lazy_pages, "--lazy-pages");
    add_flag(words, options.auto_dedup, "--auto-dedup");
    add_value(words, "--config", options.config);
    for (auto const& name : options.empty_namespaces) words.insert(words.end(), {"--empty-ns", name});
    if (options.status_fd) words.insert(words.end(), {"--status-fd", fmt::format("{}", *options.status_fd)});
    return words;
}

// Mounts that show files of the host: criu is told where they come from.
struct ExternalMount {
    std::string place, source;
};
Result<std::vector<ExternalMount>> external_mounts(spec::Runtime const& spec, HostPath const& bundle, Root const& root) {
    std::vector<ExternalMount> mounts;
    for (auto const& step : TRY(plan_mounts(spec, bundle, TRY(parse_annotations(spec.annotations)))))
        if (auto const* const bind = std::get_if<BindMount>(&step)) mounts.push_back({bind->target.absolute_text(), bind->source});
    // A masked file has the host's null device over it; a directory a file system of its own.
    for (auto const& path : spec.linux_.masked_paths)
        if (auto const masked = root.open_path(TRY(RootPath::parse_clamped(path)), O_PATH); masked && !S_ISDIR(TRY(stat_fd(masked.value())).st_mode)) mounts.push_back({path, "/dev/null"});
    return mounts;
}

// Where the container's links lead: criu knows mounts by the kernel's name of the place.
std::string resolve(Root const& root, std::string const& place) {
    auto const path = RootPath::parse_clamped(place);
    auto const opened = path ? root.open_path(path.value(), O_PATH) : Result<UniqueFd>(path.error());
    if (!opened) return place; // criu says that it does not find it
    auto const resolved = read_symlink(HostPath() / "proc/self/fd" / fmt::format("{}", opened.value().number()));
    return resolved ? resolved.value() : place;
}

// Namespaces that were joined stay outside, under a key that the restore names again.
constexpr std::pair<spec::NamespaceType, std::string_view> external_kinds[] = {{spec::NamespaceType::network, "net"}, {spec::NamespaceType::pid, "pid"}};
std::string key_of(std::string_view kind) { return fmt::format("bolt-{}", kind); }

Result<void> add_external_namespaces(std::vector<std::string>& words, spec::Linux const& section) {
    for (auto const& entry : section.namespaces)
        if (!entry.path.empty() && entry.type != spec::NamespaceType::network && entry.type != spec::NamespaceType::pid)
            return Error::of(ENOTSUP, "linux.namespaces: a joined namespace of type '{}' cannot be checkpointed: criu knows those of network and pid alone", to_text(entry.type));
    for (auto const& [type, kind] : external_kinds)
        if (auto const* const entry = section.find(type); entry && !entry->path.empty())
            add_value(words, "--external", fmt::format("{}[{}]:{}", kind, TRY(stat_file(TRY(HostPath::parse(entry->path)))).st_ino, key_of(kind)));
    return {};
}

// criu's own complaint; the log has the rest.
Error failure_of(HostPath const& log, ExitStatus const& ended) {
    auto const text = find_file(log);
    if (text && text.value())
        for (auto const line : split(*text.value(), '\n'))
            if (auto const at = line.find("Error ("); at != line.npos) return Error::of(EIO, "criu: {}; see '{}'", line.substr(at), log);
    return Error::of(EIO, "criu {}; see '{}'", ended.text(), log);
}

Result<void> await_criu(Process& process, HostPath const& log) {
    auto const ended = TRY(process.wait());
    return ended.shell_code() == 0 ? Result<void>() : Result<void>(failure_of(log, ended));
}

Result<void> keep_streams(CheckpointRequest const& request) {
    Json list = Json::array();
    for (int number = 0; number < 3; ++number) {
        auto const link = read_symlink(TRY(HostPath::parse(fmt::format("/proc/{}/fd/{}", request.init_pid, number))));
        list.push(link ? link.value() : std::string()); // closed
    }
    return write_file(request.options.images / streams_file, list.dump(), 0600, Durability::none);
}

// The caller's streams in place of the pipes that the container had.
Result<void> add_streams(std::vector<std::string>& words, HostPath const& images) {
    auto const text = TRY(find_file(images / streams_file));
    if (!text) return {};
    auto const document = TRY(Json::parse(*text).while_doing("read '{}/{}'", images, streams_file));
    if (!document.find_array()) return Error::of(EINVAL, "'{}/{}' is not a list", images, streams_file);
    int number = 0;
    for (auto const& link : *document.find_array()) {
        if (auto const* const was = link.find_string(); was && (was->starts_with("pipe:") || was->starts_with("socket:"))) words.insert(words.end(), {"--inherit-fd", fmt::format("fd[{}]:{}", number, *was)});
        if (++number == 3) break;
    }
    return {};
}

Result<void> require_root() {
    if (geteuid() == 0) return {};
    return Error::of(EPERM, "criu needs root");
}

} // namespace

Result<std::vector<std::string>> plan_dump(CheckpointRequest const& request) {
    auto const& options = request.options;
    auto words = common_words(options, options.pre_dump ? "pre-dump" : "dump", "dump.log");
    words.insert(words.end(), {"--tree", fmt::format("{}", request.init_pid), "--root", request.spec.root_path.starts_with('/') ? request.spec.root_path : (request.bundle / request.spec.root_path).text()});
    add_flag(words, options.leave_running && !options.pre_dump, "--leave-running");
    add_flag(words, options.pre_dump, "--track-mem");
    add_flag(words, options.tcp_skip_in_flight, "--skip-in-flight");
    add_flag(words, options.link_remap, "--link-remap");
    add_value(words, "--prev-images-dir", options.parent);
    if (!options.parent.empty() && !options.pre_dump) words.emplace_back("--track-mem");
    TRY(add_page_server(words, options.page_server));
    auto const root = TRY(Root::open(TRY(HostPath::parse(fmt::format("/proc/{}/root", request.init_pid)))));
    for (auto const& [place, source] : TRY(external_mounts(request.spec, request.bundle, root))) add_value(words, "--external", fmt::format("mnt[{}]:{}", resolve(root, place), place));
    TRY(add_external_namespaces(words, request.spec.linux_));
    for (auto const& directory : request.cgroup)
        if (exists(directory / "cgroup.freeze") || exists(directory / "freezer.state")) add_value(words, "--freeze-cgroup", directory.text());
    return words;
}

Result<void> checkpoint(CheckpointRequest const& request) {
    TRY(require_root());
    if (request.spec.process && request.spec.process->terminal) return Error::of(ENOTSUP, "a container with a terminal cannot be checkpointed: the terminal's other end is not the container's");
    auto const program = TRY(find_criu());
    TRY(make_directories(request.options.images, 0700));
    TRY(make_directories(request.options.work, 0700));
    if (!request.options.pre_dump) TRY(keep_streams(request));
    SpawnOptions options{.arguments = TRY(plan_dump(request))};
    if (request.options.status_fd) options.inherited = {{*request.options.status_fd, *request.options.status_fd}};
    auto criu = TRY(spawn(program, options));
    return await_criu(criu, request.options.work / "dump.log");
}

namespace {

// criu mounts the container's file systems below a mount point that nothing covers.
struct RestorePlan {
    RestoreRequest const& request;
    HostPath program, mount_point, pid_file;
    std::vector<std::string> words;
    std::vector<std::pair<UniqueFd, std::string>> namespaces; // {joined, criu's word for it}
};

// Version 1 has a tree a controller: "memory:/bolt/id".
void add_cgroup_roots(std::vector<std::string>& words, Cgroup const& cgroup) {
    for (auto const& directory : cgroup.directories()) {
        auto const path = directory.text().substr(std::string_view("/sys/fs/cgroup").size());
        auto const end = path.find('/', 1);
        if (cgroup_version() == CgroupVersion::v2) add_value(words, "--cgroup-root", path);
        else if (end != path.npos) add_value(words, "--cgroup-root", fmt::format("{}:{}", path.substr(1, end - 1), path.substr(end)));
    }
}

Result<RestorePlan> plan_restore(RestoreRequest const& request, Cgroup const& cgroup) {
    auto const& options = request.options;
    auto const& spec = *request.create.spec;
    auto program = TRY(find_criu());
    RestorePlan plan{request, std::move(program), request.scratch / "root", request.scratch / "restored.pid", common_words(options, "restore", "restore.log"), {}};
    plan.words.insert(plan.words.end(), {"--restore-detached", "--restore-sibling", "--pidfile", plan.pid_file.text(), "--root", plan.mount_point.text()});
    add_value(plan.words, "--lsm-profile", options.lsm_profile);
    add_value(plan.words, "--lsm-mount-context", options.lsm_mount_context);
    auto const root = TRY(Root::open(TRY(HostPath::parse("/")))); // for which of the host's paths the container masks
    for (auto const& [place, source] : TRY(external_mounts(spec, request.create.bundle, root))) add_value(plan.words, "--external", fmt::format("mnt[{}]:{}", place, source));
    TRY(add_streams(plan.words, options.images));
    if (options.manage_cgroups != "ignore") add_cgroup_roots(plan.words, cgroup);
    for (auto const& [type, kind] : external_kinds)
        if (auto const* const entry = spec.linux_.find(type); entry && !entry->path.empty()) {
            auto joined = TRY(open_file(TRY(HostPath::parse(entry->path)), O_RDONLY).while_doing("linux.namespaces"));
            plan.namespaces.emplace_back(std::move(joined), key_of(kind));
        }
    return plan;
}

// Situation:    a child of the runtime, which criu takes the place of.
// Must:         have a mount namespace of its own, in which the root file system is a mount, so that none is left on the host.
Result<void> become_criu(RestorePlan& plan, Created const& created) {
    // What is restored is born where criu is, if criu does not move it.
    if (plan.request.options.manage_cgroups == "ignore" && created.cgroup.exists()) TRY(created.cgroup.add(getpid()));
    TRY(enter_rdt_class(created.rdt.entered, getpid()).while_doing("linux.intelRdt"));
    TRY(make_own_namespaces(namespace_flag::mount));
    TRY(cut_off_mounts(MS_SLAVE));
    auto const root = TRY(root_directory(plan.request.create));
    auto const mount = TRY(Mount::copy(root, Depth::recursive).while_doing("bind root.path '{}'", root));
    TRY(mount.set({.propagation = MS_PRIVATE}, Depth::recursive));
    auto const place = TRY(open_file(plan.mount_point, O_PATH | O_DIRECTORY));
    TRY(mount.attach(place));
    TRY(finish_mounting());
    for (auto const& [joined, key] : plan.namespaces) {
        TRY(set_on_exec(joined, OnExec::inherit));
        plan.words.insert(plan.words.end(), {"--inherit-fd", fmt::format("fd[{}]:{}", joined.number(), key)});
    }
    reset_signals();
    std::vector<char*> words;
    for (auto& word : plan.words) words.push_back(word.data());
    words.push_back(nullptr);
    execve(plan.program.c_str(), words.data(), environ);
    return Error::from_errno("execute '{}'", plan.program);
}

Result<Process> run_criu(RestorePlan& plan, Created const& created) {
    auto [ours, theirs] = TRY(Channel::make_pair());
    auto criu = TRY(clone_process({}, [&plan, &created, &ours = ours, &theirs = theirs] {
        ours.close();
        auto const failed = become_criu(plan, created);
        (void)send_report(theirs, failed).ok();
        return 1;
    }));
    theirs.close();
    // Closed by the exec.
    if (auto const said = TRY(ours.receive())) TRY(read_report(said->bytes));
    TRY(await_criu(criu, plan.request.options.work / "restore.log"));
    auto const pid = TRY(parse_unsigned(trim(TRY(read_file(plan.pid_file)))).while_doing("read '{}'", plan.pid_file));
    return adopt_process(static_cast<pid_t>(pid));
}

Result<void> make_again(RestoreRequest const& request, Created& created) {
    std::optional<Scope> scope; // held until init is in
    TRY(make_directories(request.options.work, 0700));
    TRY(make_cgroup(request.create, created, scope));
    if (auto const& rdt = request.create.spec->linux_.intel_rdt)
        created.rdt = TRY(make_rdt_class(*rdt, request.create.id, TRY(resctrl_top().while_doing("linux.intelRdt"))).while_doing("linux.intelRdt"));
    auto plan = TRY(plan_restore(request, created.cgroup));
    TRY(make_directories(plan.mount_point, 0700));
    unlink(plan.pid_file.c_str());
    auto restored = run_criu(plan, created);
    rmdir(plan.mount_point.c_str());
    unlink(plan.pid_file.c_str());
    created.init = TRY(std::move(restored));
    return {};
}

} // namespace

Result<Created> restore(RestoreRequest const& request) {
    TRY(require_root());
    if (!exists(request.options.images)) return Error::of(ENXIO, "there is no checkpoint in '{}'", request.options.images);
    Created created;
    auto made = make_again(request, created);
    if (made) return created;
    created.init = Process();
    created.cgroup.kill_all();
    (void)stop_scope_of(request.create, created).ok();
    (void)created.cgroup.remove();
    (void)remove_rdt_class(created.rdt.own);
    return std::move(made).error();
}

} // namespace bolt::oci
