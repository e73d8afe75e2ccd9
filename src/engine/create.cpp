// Making a container: everything is decided here, and written down last.
#include <algorithm>
#include <csignal>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/as_namespace_root.h"
#include "engine/capabilities.h"
#include "engine/container_ids.h"
#include "engine/container_image.h"
#include "engine/container_mounts.h"
#include "engine/container_spec.h"
#include "engine/containers.h"
#include "engine/delegated_cgroup.h"
#include "engine/host_files.h"
#include "engine/mapped_image.h"
#include "engine/own_user.h"
#include "engine/record.h"
#include "engine/seccomp_profile.h"
#include "engine/shown_options.h"
#include "engine/unfinished_container.h"
#include "monitor/user.h"
#include "sys/file.h"
#include "sys/user_namespace.h"

namespace bolt::engine {

namespace {

Result<void> check_limits(Limits const& limits) {
    if (limits.memory && limits.memory->count < (6u << 20))
        return Error::of(EINVAL, "a memory limit of {} bytes is less than the 6 MiB that a container needs at least", limits.memory->count);
    auto const processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (limits.cpus && (*limits.cpus < 0.01 || *limits.cpus > static_cast<double>(processors)))
        return Error::of(EINVAL, "--cpus is {}, but must be between 0.01 and {}, the number of this machine's CPUs", *limits.cpus, processors);
    return {};
}

Result<void> check(ContainerOptions const& options) {
    TRY(check_limits(options.limits));
    if (options.remove && options.restart.policy != monitor::RestartPolicy::no) return Error::of(EINVAL, "--rm and --restart contradict each other; leave one of them out");
    if (options.working_directory && !options.working_directory->starts_with('/'))
        return Error::of(EINVAL, "the working directory '{}' is not an absolute path", *options.working_directory);
    if (options.hostname && (options.hostname->empty() || options.hostname->size() > 64 || options.hostname->find_first_of("/ \t\n") != std::string::npos))
        return Error::of(EINVAL, "'{}' is not a host name: 1 to 64 characters without blanks", *options.hostname);
    return {};
}

std::string choose_hostname(ContainerOptions const& options, ContainerId const& id) {
    if (options.hostname) return *options.hostname;
    utsname host{};
    if (options.network == net::Mode::host && uname(&host) == 0) return host.nodename;
    return id.brief();
}

struct UserFiles {
    std::string passwd, group;
};

// What a container is made from.
struct Sources {
    store::Image image;
    ImageTree tree;
    UserFiles users;
    std::optional<ContainerIds> ids; // then image and tree are those of a copy with these owners
    SecurityOptions security;
};

Result<UserFiles> read_user_files(ImageTree const& tree) {
    auto passwd = TRY(tree.read_text(TRY(RootPath::parse("etc/passwd"))));
    auto group = TRY(tree.read_text(TRY(RootPath::parse("etc/group"))));
    return UserFiles{std::move(passwd), std::move(group)};
}

Result<std::optional<ContainerIds>> choose_ids(Installation const& here, ContainerOptions const& options, UserFiles const& users, spec::ImageConfig const& image, ContainerId const& id) {
    switch (options.user_namespace) {
    case UserNamespaceMode::host: return std::optional<ContainerIds>();
    case UserNamespaceMode::keep_id: return std::optional(TRY(keep_ids(here.user, TRY(mappings_of(here.user)))));
    case UserNamespaceMode::automatic: break;
    }
    auto const user = TRY(monitor::resolve_user(options.user.value_or(image.user), users.passwd, users.group).while_doing("find the user to run as"));
    return std::optional(TRY(claim_ids(here, id, ids_needed(users.passwd, users.group, std::max(user.uid, user.gid)))));
}

Result<Sources> open_sources(Installation const& here, ContainerOptions const& options, store::Image image, SecurityOptions security, ContainerId const& id) {
    auto tree = TRY(ImageTree::open(image.layers));
    auto users = TRY(read_user_files(tree));
    auto ids = TRY(choose_ids(here, options, users, image.config, id));
    if (ids) {
        image.layers = {TRY(ensure_mapped_image(here, image, tree, *ids))};
        tree = TRY(ImageTree::open(image.layers));
    }
    return Sources{std::move(image), std::move(tree), std::move(users), std::move(ids), std::move(security)};
}

// Without "..": what is in front of one need not be there.
Result<std::string> choose_working_directory(ContainerOptions const& options, spec::ImageConfig const& image) {
    return TRY(RootPath::parse_clamped(options.working_directory.value_or(image.working_dir)).while_doing("the working directory")).absolute_text();
}

Result<monitor::ContainerUser> choose_user(Installation const& here, ContainerOptions const& options, Sources const& from) {
    auto text = options.user.value_or(from.image.config.user);
    auto passwd = from.users.passwd;
    if (options.user_namespace == UserNamespaceMode::keep_id && !options.user) {
        text = fmt::format("{}:{}", here.user.uid, here.user.gid);
        passwd = passwd_with(here.user, TRY(choose_working_directory(options, from.image.config)), passwd);
    }
    return monitor::resolve_user(text, passwd, from.users.group).while_doing("find the user to run as");
}

struct Seccomp {
    Json document;            // null: none in the configuration
    bool is_built_in = false; // the program that was compiled with bolt
};

Result<Seccomp> choose_seccomp(SecurityOptions const& security, ContainerOptions const& options, std::vector<std::string> const& capabilities) {
    if (security.seccomp == SeccompChoice::unconfined) return Seccomp{};
    if (security.seccomp == SeccompChoice::file) {
        auto const path = TRY(HostPath::absolute(security.seccomp_file));
        auto const text = TRY(read_file(path).while_doing("read the seccomp profile"));
        auto const file = TRY(Json::parse(text).while_doing("read the seccomp profile '{}'", path));
        utsname host{};
        uname(&host);
        return Seccomp{TRY(seccomp_document_of_file(file, capabilities, host.release).while_doing("read the seccomp profile '{}'", path)), false};
    }
    bool const usual = std::ranges::equal(capabilities, TRY(choose_capabilities({}, {})));
    if (usual && !options.runtime) return Seccomp{Json(), true};
    return Seccomp{seccomp_document(capabilities), false};
}

// Where the container writes what it changes. The top directory looks like the image's, overlay's own belongs to the container's
// root.
Result<void> make_writable_layer(Installation const& here, HostPath const& directory, ImageTree const& tree, std::optional<ContainerIds> const& ids) {
    auto const& top = tree.top().status;
    auto const upper = directory / "upper", work = directory / "work";
    TRY(make_directory(upper, 0755));
    TRY(make_directory(work, 0700));
    auto const make_alike = [&]() -> Result<void> {
        auto const inside = TRY(stat_fd(tree.top().directories.front())); // the same owner, as this user namespace calls it
        if (chown(upper.c_str(), inside.st_uid, inside.st_gid) < 0 || chmod(upper.c_str(), inside.st_mode & 07777) < 0)
            return Error::from_errno("give '{}' the owner and mode that the image's root directory has", upper);
        if (ids && chown(work.c_str(), ids->root_user(), ids->root_group()) < 0) return Error::from_errno("give '{}' to the container's root", work);
        return {};
    };
    if (ids || top.st_uid != here.user.uid || top.st_gid != here.user.gid) return do_as_namespace_root(here, "make the writable layer", make_alike);
    if (chmod(upper.c_str(), top.st_mode & 07777) < 0) return Error::from_errno("set the mode of '{}'", upper);
    return {};
}

Result<void> add_init(Installation const& here, SpecPlan& plan) {
    // In /dev, which is the container's own tmpfs: no trace is left in its files.
    constexpr auto place = "/dev/bolt-init";
    plan.mounts.push_back({place, "bind", here.init.text(), {"bind", "rprivate", "ro"}});
    plan.arguments.insert(plan.arguments.begin(), {place, "--"});
    return {};
}

Result<monitor::Request> plan_request(Installation const& here, ContainerOptions const& options, store::Image const& image, UnfinishedContainer const& container) {
    monitor::Request request;
    request.id = container.id().text();
    request.run_directory = here.layout.run_containers() / request.id;
    request.container_directory = container.directory();
    request.user_namespace_holders = here.user_namespace_holders;
    oci::OverlayRoot overlay;
    overlay.lowers = image.layers;
    overlay.upper = container.directory() / "upper";
    overlay.work = container.directory() / "work";
    overlay.is_volatile = options.remove; // thrown away at its end: nothing of it needs to reach the disk
    overlay.in_user_namespace = here.user.uid != 0 || options.user_namespace != UserNamespaceMode::host;
    request.overlay = std::move(overlay);
    if (options.runtime) {
        auto program = find_program(*options.runtime);
        if (!program) return Error::of(EINVAL, "--runtime: {}", program.error().text()); // its ENOENT is not the command's
        request.runtime = std::move(program).value();
    }
    request.network = options.network;
    request.ports = options.ports;
    request.log.file = container.directory() / "log";
    request.terminal = options.terminal;
    request.input_open = options.interactive;
    request.input_closes_with_client = options.interactive && !options.detached;
    request.restart = options.restart.policy;
    request.most_restarts = options.restart.most;
    if (!options.stop_signal && !image.config.stop_signal.empty())
        request.stop_signal = TRY(parse_signal(image.config.stop_signal).while_doing("the image's stop signal (--stop-signal replaces it)"));
    else
        request.stop_signal = options.stop_signal.value_or(SIGTERM);
    if (options.stop_timeout) request.stop_timeout = *options.stop_timeout;
    request.limits_requested = options.limits.memory || options.limits.cpus || options.limits.processes.value_or(-1) > 0;
    return request;
}

std::vector<HostPath> paths_to_remove(Installation const& here, Record const& record) {
    std::vector<HostPath> paths{here.layout.names() / record.name, here.layout.containers() / record.id};
    for (auto const& volume : record.anonymous_volumes) paths.push_back(here.layout.volumes() / volume);
    paths.push_back(run_directory_of(here.layout, record));
    return paths;
}

// Group tty, 5 in every distribution. Root of a user namespace need not have it.
Result<bool> maps_terminal_group(CallingUser const& user) {
    if (user.uid != 0) return TRY(mappings_of(user)).groups.size() > 1;
    auto const map = TRY(read_file(TRY(HostPath::parse("/proc/self/gid_map"))));
    for (auto const line : split(map, '\n')) {
        std::vector<std::uint64_t> numbers;
        for (auto const word : split(line, ' '))
            if (auto const number = parse_unsigned(word)) numbers.push_back(number.value());
        if (numbers.size() == 3 && numbers[0] <= 5 && 5 - numbers[0] < numbers[2]) return true;
    }
    return false;
}

Result<SpecPlan> plan_spec(Installation const& here, ContainerOptions const& options, Sources const& from, UnfinishedContainer& container) {
    SpecPlan plan;
    plan.privilege = here.user.uid == 0 ? Privilege::root : Privilege::user_namespace;
    plan.ids = from.ids;
    plan.maps_terminal_group = plan.ids || TRY(maps_terminal_group(here.user));
    plan.network = options.network;
    plan.hostname = choose_hostname(options, container.id());
    plan.user = TRY(choose_user(here, options, from));
    plan.arguments = TRY(choose_command(options, from.image.config));
    plan.environment = TRY(choose_environment(options, from.image.config, plan.hostname, plan.user.home));
    plan.working_directory = TRY(choose_working_directory(options, from.image.config));
    plan.capabilities = TRY(choose_capabilities(options.add_capabilities, options.drop_capabilities));
    plan.no_new_privileges = from.security.no_new_privileges.value_or(plan.privilege == Privilege::user_namespace);
    plan.terminal = options.terminal;
    plan.read_only_root = options.read_only;
    plan.hidden = hidden_paths(from.security);
    plan.limits = options.limits;
    if (plan.limits.memory && swap_is_counted()) plan.limits.memory_and_swap = Bytes{2 * plan.limits.memory->count};
    if (plan.privilege == Privilege::root) plan.cgroup = fmt::format("/bolt/{}", container.id().text());
    return plan;
}

// The user's own mount at the place of one of bolt's files replaces it.
void add_files(SpecPlan& plan, std::vector<PlannedMount> files) {
    auto const own = plan.mounts;
    for (auto& mount : files)
        if (std::ranges::find(own, mount.destination, &PlannedMount::destination) == own.end()) plan.mounts.insert(plan.mounts.begin(), std::move(mount));
}

Result<void> keep_options(ContainerOptions const& options, Sources const& from, SpecPlan const& plan, Record& record) {
    auto const shown = shown_options(options, from.image.config, plan);
    record.labels = TRY(shown.find("Config")->string_map("Labels"));
    record.options = shown.dump();
    return {};
}

Result<void> keep_request(monitor::Request const& request, Record& record) {
    auto const document = to_json(request);
    record.run_directory = request.run_directory.text();
    record.network = TRY(document.string_or("network", ""));
    record.request = document.dump();
    return {};
}

Result<Record> make_record(Installation const& here, ContainerOptions const& options, Sources const& from, UnfinishedContainer& container) {
    Record record;
    record.id = container.id().text();
    record.image = options.image;
    record.image_id = from.image.id.text();
    record.created = std::chrono::time_point_cast<Time::duration>(Clock::now());
    record.remove = options.remove;
    record.terminal = options.terminal;
    record.interactive = options.interactive;

    auto plan = TRY(plan_spec(here, options, from, container));
    auto seccomp = TRY(choose_seccomp(from.security, options, plan.capabilities));
    record.default_seccomp = seccomp.is_built_in;
    plan.seccomp = std::move(seccomp.document);
    record.command = plan.arguments;
    auto request = TRY(plan_request(here, options, from.image, container));

    // From here on things are made.
    record.name = TRY(container.take_name(options.name));
    request.name = record.name;
    auto mounts = TRY(prepare_mounts(here, options, from.image.config, from.tree, from.ids, container));
    plan.mounts = std::move(mounts.planned);
    record.volumes = std::move(mounts.volumes);
    record.anonymous_volumes = std::move(mounts.anonymous_volumes);
    add_files(plan, host_file_mounts(request.run_directory));
    if (options.user_namespace == UserNamespaceMode::keep_id)
        add_files(plan, TRY(add_own_user(here.user, plan.working_directory, from.users.passwd, from.users.group, container.directory())));
    if (options.init) TRY(add_init(here, plan));
    TRY(make_writable_layer(here, container.directory(), from.tree, from.ids));

    TRY(keep_options(options, from, plan, record));
    record.mounts = std::move(mounts.shown);
    request.spec = container_spec(plan);
    if (options.remove) {
        request.remove_at_exit = paths_to_remove(here, record);
        request.trash = here.layout.trash();
    }
    TRY(keep_request(request, record));
    return record;
}

Result<Record> write_down(Installation const& here, ContainerOptions const& options, store::Image image, SecurityOptions security) {
    auto container = TRY(UnfinishedContainer::make(here));
    auto const from = TRY(open_sources(here, options, std::move(image), std::move(security), container.id()));
    auto record = TRY(make_record(here, options, from, container));
    TRY(write_record(here.layout, record));
    container.keep();
    return record;
}

} // namespace

Result<Made> create_container(Installation const& here, ContainerOptions const& options) {
    TRY(check(options));
    auto security = TRY(parse_security_options(options.security_options));
    TRY(here.layout.prepare());
    auto image = TRY(get_image(here, options));
    auto const hold = TRY(store::LayerHold::acquire(here.layout, image));
    auto warnings = options.platform ? std::vector<std::string>() : warn_of_platform(image, options.image);
    auto record = TRY(store::explain_full(write_down(here, options, std::move(image), std::move(security)), here.layout));
    return Made{std::move(record), std::move(warnings)};
}

} // namespace bolt::engine
