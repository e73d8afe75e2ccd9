#include "cli/oci_making.h"

#include "base/time.h"
#include "cli/oci_commands.h"
#include "cli/oci_protection.h"
#include "oci/annotations.h"
#include "oci/own_cgroup.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::cli::oci_command {

namespace {

Result<ContainerRecord> record_of(Making const& making, oci::Created const& created) {
    auto const& spec = making.loaded.spec;
    auto const pid = created.init.pid();
    auto const started = TRY(start_time_of(pid));
    auto boot = TRY(boot_id());
    return ContainerRecord{.id = making.request.id,
                           .pid = pid,
                           .start_time = started,
                           .boot_id = std::move(boot),
                           .bundle = making.request.bundle,
                           .rootfs = spec.root_path.starts_with('/') ? spec.root_path : (making.request.bundle / spec.root_path).text(),
                           .created = format_rfc3339(std::chrono::time_point_cast<std::chrono::nanoseconds>(Clock::now())),
                           .oci_version = spec.oci_version,
                           .annotations = spec.annotations,
                           .cgroup = created.cgroup.directories(),
                           .scope_unit = created.scope_unit,
                           .rdt = created.rdt,
                           .has_poststart_hooks = !spec.hooks.poststart.empty(),
                           .has_poststop_hooks = !spec.hooks.poststop.empty()};
}

Result<void> check(CreateOptions const& options, spec::Process const& process, bool detached) {
    if (process.terminal && detached && options.console_socket.empty())
        return Error::of(EINVAL, "process.terminal is set: a detached container needs '--console-socket'");
    if ((!process.terminal || !detached) && !options.console_socket.empty())
        return Error::of(EINVAL, "'--console-socket' is for a detached container whose process.terminal is set");
    return require_inherited(options.preserved, "--preserve-fds");
}

} // namespace

Result<void> write_down(Making& making, oci::Created const& created) {
    auto const record = TRY(record_of(making, created));
    making.pid = record.pid;
    making.start_time = record.start_time;
    TRY(making.directory.write(record));
    return making.directory.write_config(making.loaded.text);
}

Result<void> finish_creation(Making& making) {
    TRY(making.directory.finish_creation());
    making.lock.reset();
    return {};
}

namespace {
// False when somebody else has removed it meanwhile, or has made another of the same id.
Result<bool> take_lock_of_own(Making& making) {
    if (making.lock) return true;
    auto lock = making.directory.lock_for_change();
    if (!lock && lock.error().is(ESRCH)) return false;
    if (!lock) return lock.error();
    auto const record = making.directory.read();
    if (!record && record.error().is(ESRCH)) return false;
    if (!record) return record.error();
    if (record.value().pid != making.pid || record.value().start_time != making.start_time) return false;
    making.lock = std::move(lock).value();
    return true;
}
} // namespace

void tell(ErrorList const& errors) {
    for (auto const& error : errors) warn(fmt::format("{}, ignoring", error.text()));
}

void tell(Result<void> const& done) {
    if (!done) warn(fmt::format("{}, ignoring", done.error().text()));
}

void unmake(Making& making) {
    auto const is_own = take_lock_of_own(making);
    if (!is_own) warn(fmt::format("container '{}' is left as it is: {}; `bolt-oci delete --force {}` removes it", making.request.id, is_own.error().text(), making.request.id));
    if (!is_own || !is_own.value()) return;
    if (making.is_created) tell(oci::remove(making.created, making.request));
    if (auto const removed = making.directory.remove(); !removed) warn(removed.error().text());
}

oci::CgroupUse cgroup_use_for(spec::Runtime const& spec) {
    return oci::cgroup_use_of(spec, globals().cgroup_use);
}

Result<Making> prepare(std::string const& id, CreateOptions const& options, StartedBy starter) {
    auto directory = TRY(ContainerDirectory::of(globals().root, id));
    auto const bundle = TRY(HostPath::absolute(options.bundle));
    auto const document = TRY(HostPath::parse(options.config.starts_with('/') ? options.config : fmt::format("{}/{}", bundle, options.config)));
    auto loaded = TRY(load_document(document));
    if (!loaded.spec.process) return Error::of(EINVAL, "field 'process' is missing: there is nothing to run");
    auto pidfd_socket = options.pidfd_socket.empty() ? TRY(oci::parse_annotations(loaded.spec.annotations)).pidfd_receiver : options.pidfd_socket;
    TRY(check(options, *loaded.spec.process, starter == StartedBy::another || options.detach));
    auto program = TRY(protect_program(loaded.spec, starter == StartedBy::another || options.detach ? ProgramRuns::shorter : ProgramRuns::as_long_as_the_container));
    auto scope = globals().asks_systemd ? std::optional(TRY(scope_program())) : std::nullopt;
    auto lock = TRY(directory.make(document));
    Making making{.directory = std::move(directory), .loaded = std::move(loaded), .request = {}, .created = {}};
    making.lock = std::move(lock);
    making.pidfd_socket = std::move(pidfd_socket);
    making.program = std::move(program);
    making.request.callers_alone = making.program;
    making.request.id = id;
    making.request.bundle = bundle;
    making.request.preserved_descriptors = options.preserved;
    making.request.cgroup_use = cgroup_use_for(making.loaded.spec);
    if (globals().asks_systemd) making.request.scope_program = std::move(scope);
    if (options.no_pivot) making.request.root_entry = oci::RootEntry::chroot;
    if (options.no_new_keyring) making.request.keyring = oci::Keyring::inherited;
    if (starter == StartedBy::another) making.request.start_socket = making.directory.start_socket();
    return making;
}

} // namespace bolt::cli::oci_command
