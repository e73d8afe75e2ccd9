#include "cli/oci_container.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "oci/cgroup_trees.h"
#include "oci/cgroups.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/users.h"

namespace bolt::cli {

std::string_view to_text(ContainerStatus status) {
    switch (status) {
    case ContainerStatus::creating: return "creating";
    case ContainerStatus::created: return "created";
    case ContainerStatus::running: return "running";
    case ContainerStatus::paused: return "paused";
    case ContainerStatus::stopped: return "stopped";
    }
    return "unknown";
}

Result<ContainerDirectory> ContainerDirectory::of(HostPath const& root, std::string_view id) {
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
    if (id.empty() || id == "." || id == ".." || id.size() > 1024 || id.find_first_not_of(allowed) != id.npos)
        return Error::of(EINVAL, "'{}' is no container id: letters, digits, '_', '+', '-' and '.' only", id);
    return ContainerDirectory(root / id, std::string(id));
}

Result<FileLock> ContainerDirectory::make(HostPath const& document) const {
    auto made = make_directory(path_, 0700);
    if (!made && made.error().is(ENOENT)) {
        TRY(make_directories(path_.parent(), 0700));
        made = make_directory(path_, 0700);
    }
    if (!made && made.error().is(EEXIST)) return Error::of(EEXIST, "container '{}' exists already; remove it with 'bolt-oci delete --force {}' or choose another id", id_, id_);
    TRY(std::move(made));
    auto lock = TRY(FileLock::find_directory(path_));
    if (!lock) return Error::of(EEXIST, "container '{}' is deleted at this moment; try again", id_);
    auto linked = make_symlink(document.text(), path_ / "document");
    if (linked) return std::move(*lock);
    rmdir(path_.c_str());
    return linked.error();
}

Result<FileLock> ContainerDirectory::lock_remains() const {
    Backoff backoff;
    constexpr int tries = 40; // of 50 ms at most: what a killed maker has begun ends first
    for (int left = tries; left > 0; --left, backoff.wait())
        if (auto lock = TRY(FileLock::find_directory(path_))) return std::move(*lock);
    return Error::of(EBUSY, "container '{}' is being created; try again when that has ended", id_);
}

Result<HostPath> ContainerDirectory::document() const { return HostPath::parse(TRY(read_symlink(path_ / "document"))); }

Result<FileLock> ContainerDirectory::lock_for_change() const {
    Backoff backoff;
    constexpr int tries = 200; // of 50 ms at most
    for (int left = tries; left > 0; --left, backoff.wait()) {
        auto lock = FileLock::find_directory(path_);
        if (!lock && lock.error().is(ENOENT)) return Error::of(ESRCH, "container '{}' does not exist; 'bolt-oci list' shows those that do", id_);
        if (auto taken = TRY(std::move(lock))) return std::move(*taken);
    }
    return Error::of(EBUSY, "container '{}' is being changed by another process; try again when that has ended", id_);
}

Result<void> ContainerDirectory::remove() const {
    // What is in one by now is known: it takes a third of the calls.
    for (auto const* const name : {"state.json", "config.json", "document"}) unlink((path_ / name).c_str());
    return rmdir(path_.c_str()) == 0 ? Result<void>() : remove_tree(path_);
}

namespace {
Json to_json(std::vector<HostPath> const& paths) {
    Json list = Json::array();
    for (auto const& path : paths) list.push(path.text());
    return list;
}

Result<std::vector<HostPath>> parse_paths(Json const& document, std::string_view key) {
    std::vector<HostPath> paths;
    for (auto const& path : TRY(document.strings(key))) paths.push_back(TRY(HostPath::parse(path)));
    return paths;
}

Result<std::vector<HostPath>> parse_cgroups(Json const& document) {
    auto paths = TRY(parse_paths(document, "cgroup_paths"));
    auto const top = oci::cgroup_top().text() + "/";
    for (auto const& path : paths)
        if (!path.text().starts_with(top)) return Error::of(EINVAL, "field 'cgroup_paths': '{}' is no cgroup", path);
    return paths;
}

// Else it would be taken for a container that has ended.
Result<void> require_fields(Json const& document) {
    for (std::string_view const field : {"init_process_pid", "init_process_start", "boot_id", "bundle"})
        if (!document.find(field)) return Error::of(EINVAL, "field '{}' is missing", field);
    return {};
}
} // namespace

Json to_json(ContainerRecord const& record) {
    Json annotations = Json::object();
    for (auto const& [key, value] : record.annotations) annotations.set(key, value);
    Json document;
    document.set("ociVersion", record.oci_version)
        .set("id", record.id)
        .set("init_process_pid", record.pid)
        .set("init_process_start", record.start_time)
        .set("boot_id", record.boot_id)
        .set("bundle", record.bundle.text())
        .set("rootfs", record.rootfs)
        .set("created", record.created)
        .set("cgroup_paths", to_json(record.cgroup))
        .set_unless_empty("systemd_unit", record.scope_unit)
        .set_unless_empty("resctrl_entered", to_json(record.rdt.entered))
        .set_unless_empty("resctrl_own", to_json(record.rdt.own))
        .set_unless_empty("annotations", std::move(annotations));
    document.set("poststart_hooks", record.has_poststart_hooks).set("poststop_hooks", record.has_poststop_hooks);
    return document;
}

Result<void> ContainerDirectory::write(ContainerRecord const& record) const { return write_file(path_ / "creating.json", to_json(record).dump(), 0600, Durability::none); }

Result<void> ContainerDirectory::rewrite(ContainerRecord const& record) const { return write_file(path_ / "state.json", to_json(record).dump(), 0600, Durability::none); }

Result<void> ContainerDirectory::finish_creation() const { return rename_file(path_ / "creating.json", path_ / "state.json"); }

Result<void> ContainerDirectory::write_config(std::string_view text) const {
    auto const fd = TRY(open_file(path_ / "config.json", O_WRONLY | O_CREAT | O_EXCL, 0600));
    return write_all(fd, text);
}

Result<ContainerRecord> parse_container_record(std::string_view text) {
    auto const document = TRY(Json::parse(text));
    TRY(require_fields(document));
    ContainerRecord record;
    record.id = TRY(document.string_or("id", ""));
    record.pid = static_cast<pid_t>(TRY(document.integer_or("init_process_pid", 0)));
    record.start_time = static_cast<std::uint64_t>(TRY(document.integer_or("init_process_start", 0)));
    record.boot_id = TRY(document.string_or("boot_id", ""));
    record.bundle = TRY(HostPath::parse(TRY(document.string_or("bundle", "/"))));
    record.rootfs = TRY(document.string_or("rootfs", ""));
    record.created = TRY(document.string_or("created", ""));
    record.oci_version = TRY(document.string_or("ociVersion", ""));
    record.scope_unit = TRY(document.string_or("systemd_unit", ""));
    record.has_poststart_hooks = TRY(document.bool_or("poststart_hooks", true));
    record.has_poststop_hooks = TRY(document.bool_or("poststop_hooks", true));
    record.annotations = TRY(document.string_map("annotations"));
    record.cgroup = TRY(parse_cgroups(document));
    record.rdt.entered = TRY(parse_paths(document, "resctrl_entered"));
    record.rdt.own = TRY(parse_paths(document, "resctrl_own"));
    return record;
}

Result<ContainerRecord> ContainerDirectory::read() const {
    auto text = TRY(find_file(path_ / "state.json"));
    bool const is_whole = text.has_value();
    if (!text) text = TRY(find_file(path_ / "creating.json"));
    if (!text) text = TRY(find_file(path_ / "state.json")); // finished in between
    if (!text) return Error::of(ESRCH, "container '{}' does not exist; 'bolt-oci list' shows those that do", id_);
    auto parsed = parse_container_record(*text);
    if (!parsed) return Error::of(parsed.error().code(), "read the state in '{0}': {1}; it is damaged: end the container's processes, then remove '{0}'", path_, parsed.error().text());
    auto record = std::move(parsed).value();
    record.id = id_;
    record.cgroup = oci::Cgroup::with_left_freezer(std::move(record.cgroup));
    record.is_being_created = !is_whole && !exists(path_ / "state.json");
    return record;
}

Result<spec::Runtime> ContainerDirectory::read_config() const {
    auto const path = path_ / "config.json";
    return spec::parse_runtime(TRY(Json::parse(TRY(read_file(path))).while_doing("read '{}'", path))).while_doing("'{}'", path);
}

Result<ContainerStatus> ContainerDirectory::status_of(ContainerRecord const& record) const {
    if (!TRY(find_init(record))) return ContainerStatus::stopped;
    if (record.is_being_created) return ContainerStatus::creating;
    if (oci::Cgroup::adopt(record.cgroup).is_frozen()) return ContainerStatus::paused;
    return exists(start_socket()) ? ContainerStatus::created : ContainerStatus::running;
}

Result<std::optional<UniqueFd>> find_init(ContainerRecord const& record) {
    if (record.pid <= 0 || record.boot_id != TRY(boot_id())) return std::optional<UniqueFd>();
    return find_process(record.pid, record.start_time);
}

Result<Json> shown_state(ContainerDirectory const& directory, ContainerRecord const& record) {
    auto const status = TRY(directory.status_of(record));
    auto const kept = stat_file(directory.path());
    auto const owner = kept ? name_of_user(kept.value().st_uid) : Result<std::string>(kept.error());
    Json annotations = Json::object();
    for (auto const& [key, value] : record.annotations) annotations.set(key, value);
    Json shown;
    shown.set("ociVersion", record.oci_version)
        .set("id", record.id)
        .set("pid", status == ContainerStatus::stopped ? 0 : record.pid)
        .set("status", to_text(status))
        .set("bundle", record.bundle.text())
        .set("rootfs", record.rootfs)
        .set("created", record.created)
        .set_unless_empty("annotations", std::move(annotations))
        .set("owner", owner ? owner.value() : std::string());
    return shown;
}

Result<LoadedBundle> load_document(HostPath const& path) {
    LoadedBundle loaded;
    loaded.text = TRY(read_file(path));
    loaded.spec = TRY(spec::parse_runtime(TRY(Json::parse(loaded.text).while_doing("read '{}'", path))).while_doing("'{}'", path));
    return loaded;
}

} // namespace bolt::cli
