// bolt-oci pause, resume and update: a running container's cgroup.
#include <unistd.h>

#include "base/text.h"
#include "cli/oci_commands.h"
#include "oci/scope.h"
#include "sys/file.h"

namespace bolt::cli::oci_command {

namespace {

struct UpdateOptions {
    std::string resources_file;
    Json changes; // of linux.resources, as a merge patch
    spec::IntelRdt rdt;
};

Result<std::int64_t> parse_bytes_or_none(std::string_view text) {
    if (text == "-1") return -1;
    return static_cast<std::int64_t>(TRY(parse_bytes(text)).count);
}

// One field of one group of linux.resources.
void change(UpdateOptions& options, std::string_view group, std::string_view field, Json value) {
    options.changes.merge(Json::object().set(group, Json::object().set(field, std::move(value))));
}

template <char const* group, char const* field>
Result<void> set_number(UpdateOptions& options, std::string_view text) {
    change(options, group, field, Json(TRY(parse_integer(text))));
    return {};
}
template <char const* group, char const* field>
Result<void> set_bytes(UpdateOptions& options, std::string_view text) {
    change(options, group, field, Json(TRY(parse_bytes_or_none(text))));
    return {};
}
template <char const* group, char const* field>
Result<void> set_text(UpdateOptions& options, std::string_view text) {
    change(options, group, field, Json(text));
    return {};
}

constexpr char cpu[] = "cpu", memory[] = "memory", pids[] = "pids", block_io[] = "blockIO";
constexpr char weight[] = "weight", period[] = "period", quota[] = "quota", burst[] = "burst", shares[] = "shares", realtime_period[] = "realtimePeriod",
               realtime_runtime[] = "realtimeRuntime", cpus[] = "cpus", mems[] = "mems", idle[] = "idle", limit[] = "limit", reservation[] = "reservation", swap[] = "swap",
               kernel[] = "kernel", kernel_tcp[] = "kernelTCP";

Result<void> set_l3(UpdateOptions& options, std::string_view text) {
    options.rdt.l3_cache_schema = text;
    return {};
}
Result<void> set_bandwidth(UpdateOptions& options, std::string_view text) {
    options.rdt.mem_bw_schema = text;
    return {};
}

using ToLimits = Set<UpdateOptions>;
constexpr Option options_of_update[] = {
    {"resources", 'r', "file", "linux.resources as a JSON document, '-' for standard input; other options are then not looked at", ToLimits::text<&UpdateOptions::resources_file>, offers_files},
    {"memory", 'm', "bytes", "memory limit, -1 for none", ToLimits::by<set_bytes<memory, limit>>},
    {"memory-reservation", 0, "bytes", "memory that is protected, or the soft limit on cgroup v1", ToLimits::by<set_bytes<memory, reservation>>},
    {"memory-swap", 0, "bytes", "memory and swap together, -1 for no limit", ToLimits::by<set_bytes<memory, swap>>},
    {"kernel-memory", 0, "bytes", "kernel memory, on cgroup v1", ToLimits::by<set_bytes<memory, kernel>>},
    {"kernel-memory-tcp", 0, "bytes", "kernel memory of TCP buffers, on cgroup v1", ToLimits::by<set_bytes<memory, kernel_tcp>>},
    {"cpu-period", 0, "us", "CPU period", ToLimits::by<set_number<cpu, period>>},
    {"cpu-quota", 0, "us", "CPU time in a period, -1 for no limit", ToLimits::by<set_number<cpu, quota>>},
    {"cpu-burst", 0, "us", "CPU time that can be saved up for later", ToLimits::by<set_number<cpu, burst>>},
    {"cpu-share", 0, "n", "relative weight of CPU time", ToLimits::by<set_number<cpu, shares>>},
    {"cpu-idle", 0, "0|1", "1: only what nobody else wants", ToLimits::by<set_number<cpu, idle>>},
    {"cpu-rt-period", 0, "us", "period of realtime processes, on cgroup v1", ToLimits::by<set_number<cpu, realtime_period>>},
    {"cpu-rt-runtime", 0, "us", "realtime CPU time in a period, on cgroup v1", ToLimits::by<set_number<cpu, realtime_runtime>>},
    {"cpuset-cpus", 0, "list", "CPUs to use", ToLimits::by<set_text<cpu, cpus>>},
    {"cpuset-mems", 0, "list", "memory nodes to use", ToLimits::by<set_text<cpu, mems>>},
    {"pids-limit", 0, "n", "number of processes, -1 for no limit", ToLimits::by<set_number<pids, limit>>},
    {"l3-cache-schema", 0, "schema", "shares of the L3 cache, as in \"L3:0=f;1=f\"", ToLimits::by<set_l3>},
    {"mem-bw-schema", 0, "schema", "memory bandwidth, as in \"MB:0=20;1=70\"", ToLimits::by<set_bandwidth>},
    {"blkio-weight", 0, "n", "weight of block I/O, 10 to 1000", ToLimits::by<set_number<block_io, weight>>},
};

struct Found {
    FileLock lock; // until the change is written down
    ContainerDirectory directory;
    ContainerRecord record;
    ContainerStatus status;
};

Result<Found> find_alive(std::string const& id) {
    auto directory = TRY(ContainerDirectory::of(globals().root, id));
    auto const seen = TRY(directory.read());
    if (seen.is_being_created) return Error::of(ESRCH, "container '{}' is still being created", id); // its creator has the lock
    auto lock = TRY(directory.lock_for_change());
    auto record = TRY(directory.read());
    auto const status = TRY(directory.status_of(record));
    if (status == ContainerStatus::stopped) return Error::of(ESRCH, "container '{}' is not running", id);
    return Found{std::move(lock), std::move(directory), std::move(record), status};
}

// The cgroup may have got directories in further trees.
Result<void> keep(Found& found, oci::Cgroup const& cgroup) {
    if (found.record.cgroup.size() == cgroup.directories().size()) return {};
    found.record.cgroup = cgroup.directories();
    return found.directory.rewrite(found.record);
}

Result<void> pause_container(std::string const& id) {
    auto found = TRY(find_alive(id));
    if (found.status != ContainerStatus::running && found.status != ContainerStatus::created)
        return Error::of(EBUSY, "container '{}' is {}: only a running one can be paused", id, to_text(found.status));
    auto cgroup = oci::Cgroup::adopt(found.record.cgroup);
    auto frozen = cgroup.freeze().while_doing("pause container '{}'", id);
    TRY(keep(found, cgroup));
    return frozen;
}

Result<void> resume_container(std::string const& id) {
    auto const found = TRY(find_alive(id));
    auto const cgroup = oci::Cgroup::adopt(found.record.cgroup);
    if (!cgroup.is_frozen()) return Error::of(EINVAL, "container '{}' is {}: only a paused one can be resumed", id, to_text(found.status));
    return cgroup.thaw().while_doing("resume container '{}'", id);
}

// As in runc: without a limit for memory there is none for memory and swap together.
void lift_swap_with_memory(Json& changes) {
    auto const* const memory = changes.find("memory");
    auto const* const limit = memory ? memory->find("limit") : nullptr;
    if (limit && limit->find_integer() && *limit->find_integer() == -1 && !memory->find("swap")) changes.merge(Json::object().set("memory", Json::object().set("swap", -1)));
}

// For what a document does not name, when systemd is to forget a limit.
Json without_limits(Json const& changes) {
    constexpr std::tuple<std::string_view, std::string_view, int> none[] = {{memory, limit, -1}, {memory, swap, -1}, {pids, limit, -1}, {cpu, quota, -1}, {cpu, shares, 1024}};
    auto found = Json::object();
    for (auto const& [group, field, value] : none)
        if (auto const* const changed = changes.find(group); changed && changed->find(field)) found.merge(Json::object().set(group, Json::object().set(field, value)));
    return found;
}

Result<Json> changes_from(UpdateOptions const& options) {
    if (options.resources_file.empty()) return options.changes;
    auto const text = options.resources_file == "-" ? TRY(read_to_end(FdRef(0))) : TRY(read_file(TRY(HostPath::absolute(options.resources_file))));
    auto const written = TRY(Json::parse(text).while_doing("--resources"));
    auto said = Json::object();
    said.merge(written); // what is null there is not said
    return said;
}

Result<void> change_scope(std::string const& unit, spec::Resources const& resources) {
    auto program = TRY(scope_program());
    auto const manager = TRY(oci::own_systemd());
    return oci::change_scope({std::move(program), manager, unit}, TRY(oci::plan_scope(resources, oci::cgroup_version())));
}

Result<void> change_rdt(ContainerRecord const& record, spec::IntelRdt const& wanted) {
    if (!wanted.has_schemata()) return {};
    if (record.rdt.entered.empty()) return Error::of(ENOTSUP, "container '{}' was made without linux.intelRdt, so it has no schemata to change", record.id);
    if (record.rdt.entered.front() == TRY(oci::resctrl_top())) return Error::of(EINVAL, "container '{}' is in the whole host's class", record.id);
    return oci::change_rdt_class(record.rdt.entered.front(), wanted);
}

// What config.json says from now on, so that the next update, and a limit that belongs to another, find it.
Result<void> update_container(std::string const& id, UpdateOptions const& options) {
    if (options.rdt.has_schemata() && options.resources_file.empty() && !options.changes.find_object()) return change_rdt(TRY(find_alive(id)).record, options.rdt);
    auto changes = TRY(changes_from(options));
    // Engines send all that the container has, its rules for devices with it: those stay.
    if (changes.find_object()) changes.merge(Json::object().set("devices", Json()));
    lift_swap_with_memory(changes);
    bool const is_empty = !changes.find_object() || changes.find_object()->empty();
    if (is_empty && options.resources_file.empty()) return Error::of(EINVAL, "there is nothing to change: name a limit, or a file with '--resources'");
    auto found = TRY(find_alive(id));
    if (is_empty) return {}; // engines send what they have, and that may be nothing
    auto const path = found.directory.path() / "config.json";
    auto document = TRY(Json::parse(TRY(read_file(path))).while_doing("read '{}'", path));
    auto const* const section = document.find("linux");
    auto known = without_limits(changes);
    if (section && section->find("resources")) known.merge(*section->find("resources"));
    auto before = TRY(spec::parse_resources(known).while_doing("read '{}'", path));
    before.devices.clear();
    if (before.pids_limit == 0) before.pids_limit.reset();
    document.merge(Json::object().set("linux", Json::object().set("resources", changes)));
    auto resources = TRY(spec::parse_resources(*document.find("linux")->find("resources")).while_doing("resources"));
    if (resources.pids_limit == 0) resources.pids_limit.reset(); // as engines say that it stays as it is
    resources.devices.clear();
    // The kernel takes no shares while a group is idle: they stay what they were, unless they are named.
    if (resources.cpu.idle == 1 && !(changes.find("cpu") && changes.find("cpu")->find("shares"))) resources.cpu.shares.reset();
    auto cgroup = oci::Cgroup::adopt(found.record.cgroup);
    bool const is_systemds = !found.record.scope_unit.empty();
    auto const tell_systemd = [&] { return is_systemds ? change_scope(found.record.scope_unit, resources) : Result<void>(); };
    auto limited = cgroup.limit(resources, is_systemds ? oci::Ancestors::systemds : oci::Ancestors::ours, tell_systemd).while_doing("update container '{}'", id);
    if (!limited && is_systemds) (void)change_scope(found.record.scope_unit, before).ok(); // the first error is the one that counts
    TRY(keep(found, cgroup));
    TRY(std::move(limited));
    if (options.resources_file.empty()) TRY(change_rdt(found.record, options.rdt));
    return write_file(path, document.dump(), 0600, Durability::none);
}

int perform(Command const& command, Words const& words, Result<void> (*what)(std::string const&)) {
    NoOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const done = what(parsed.words[0]);
    return done ? 0 : complain(done.error());
}

} // namespace

std::span<Option const> const update_options = options_of_update;

int pause(Command const& command, Words const& words) { return perform(command, words, pause_container); }

int resume(Command const& command, Words const& words) { return perform(command, words, resume_container); }

int update(Command const& command, Words const& words) {
    UpdateOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const updated = update_container(parsed.words[0], options);
    return updated ? 0 : complain(updated.error());
}

} // namespace bolt::cli::oci_command
