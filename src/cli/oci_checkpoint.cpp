// bolt-oci checkpoint and restore.
#include "base/text.h"
#include "cli/oci_commands.h"
#include "cli/oci_foreground.h"
#include "cli/oci_making.h"
#include "cli/oci_notify.h"
#include "oci/annotations.h"
#include "oci/checkpoint.h"
#include "sys/file.h"

namespace bolt::cli::oci_command {

namespace {

struct CheckpointOptions {
    oci::CriuOptions criu;
    std::string images, work, bundle = ".", pid_file, console_socket;
    bool detach = false, keep = false;
};
using ToCheckpoint = Set<CheckpointOptions>;

template <bool oci::CriuOptions::*member>
Result<void> set_flag(CheckpointOptions& to, std::string_view value) {
    to.criu.*member = value == "true";
    return {};
}
template <std::string oci::CriuOptions::*member>
Result<void> set_text(CheckpointOptions& to, std::string_view value) {
    to.criu.*member = value;
    return {};
}

Result<void> set_cgroup_mode(CheckpointOptions& to, std::string_view mode) {
    for (std::string_view const known : {"soft", "full", "strict", "ignore"})
        if (mode == known) return set_text<&oci::CriuOptions::manage_cgroups>(to, mode);
    return Error::of(EINVAL, "'{}' is not one of soft, full, strict, ignore", mode);
}

Result<void> set_parent(CheckpointOptions& to, std::string_view path) {
    if (path.starts_with('/')) return Error::of(EINVAL, "'{}' is absolute; criu wants it relative to '--image-path'", path);
    to.criu.parent = path;
    return {};
}

Result<void> set_status_fd(CheckpointOptions& to, std::string_view text) {
    to.criu.status_fd = TRY(parse_descriptor_count(text));
    return {};
}

Result<void> add_empty_namespace(CheckpointOptions& to, std::string_view name) {
    if (name != "network" && name != "net") return Error::of(EINVAL, "'{}' is not network: criu leaves out no other namespace", name);
    to.criu.empty_namespaces.emplace_back("net");
    return {};
}

using Criu = oci::CriuOptions;
constexpr Option images_option{"image-path", 0, "dir", "where the images are (default: ./checkpoint)", ToCheckpoint::text<&CheckpointOptions::images>, offers_files};
constexpr Option work_option{"work-path", 0, "dir", "where criu keeps its log (default: with the images)", ToCheckpoint::text<&CheckpointOptions::work>, offers_files};
constexpr Option tcp_option{"tcp-established", 0, "", "open TCP connections too", ToCheckpoint::by<set_flag<&Criu::tcp_established>>};
constexpr Option unix_option{"ext-unix-sk", 0, "", "unix sockets whose other end is outside too", ToCheckpoint::by<set_flag<&Criu::ext_unix_sk>>};
constexpr Option job_option{"shell-job", 0, "", "processes of a session from outside too", ToCheckpoint::by<set_flag<&Criu::shell_job>>};
constexpr Option locks_option{"file-locks", 0, "", "file locks too", ToCheckpoint::by<set_flag<&Criu::file_locks>>};
constexpr Option mode_option{"manage-cgroups-mode", 0, "mode", "soft (the default), full, strict or ignore", ToCheckpoint::by<set_cgroup_mode>, "soft full strict ignore"};
constexpr Option empty_option{"empty-ns", 0, "network", "leave out what is in the network namespace", ToCheckpoint::by<add_empty_namespace>, "network"};
constexpr Option dedup_option{"auto-dedup", 0, "", "free the pages of earlier images that are not needed any more", ToCheckpoint::by<set_flag<&Criu::auto_dedup>>};
constexpr Option lazy_option{"lazy-pages", 0, "", "memory follows when it is touched: criu lazy-pages", ToCheckpoint::by<set_flag<&Criu::lazy_pages>>};
constexpr Option status_option{"status-fd", 0, "fd", "descriptor that is told when criu is ready", ToCheckpoint::by<set_status_fd>};

constexpr Option options_of_checkpoint[] = {
    images_option, work_option, tcp_option, unix_option, job_option, locks_option, mode_option, empty_option, dedup_option, lazy_option, status_option,
    {"parent-path", 0, "dir", "images of an earlier --pre-dump, relative to --image-path", ToCheckpoint::by<set_parent>, offers_files},
    {"leave-running", 0, "", "the container goes on", ToCheckpoint::by<set_flag<&Criu::leave_running>>},
    {"pre-dump", 0, "", "memory alone, and the container goes on", ToCheckpoint::by<set_flag<&Criu::pre_dump>>},
    {"tcp-skip-in-flight", 0, "", "leave out TCP connections that are being made", ToCheckpoint::by<set_flag<&Criu::tcp_skip_in_flight>>},
    {"link-remap", 0, "", "files that are open and have no name any more too", ToCheckpoint::by<set_flag<&Criu::link_remap>>},
    {"page-server", 0, "address:port", "send memory to a criu page-server", ToCheckpoint::by<set_text<&Criu::page_server>>},
};
constexpr Option options_of_restore[] = {
    {"bundle", 'b', "dir", "the bundle's directory (default: the working directory)", ToCheckpoint::text<&CheckpointOptions::bundle>, offers_files},
    {"pid-file", 0, "file", "file to write init's process id to", ToCheckpoint::text<&CheckpointOptions::pid_file>, offers_files},
    {"console-socket", 0, "path", "accepted for runc's callers: a container with a terminal cannot be checkpointed", ToCheckpoint::text<&CheckpointOptions::console_socket>, offers_files},
    {"detach", 'd', "", "leave the container running and return", ToCheckpoint::flag<&CheckpointOptions::detach>},
    {"keep", 0, "", "do not delete the container after it has ended", ToCheckpoint::flag<&CheckpointOptions::keep>},
    images_option, work_option, tcp_option, unix_option, job_option, locks_option, mode_option, empty_option, dedup_option, lazy_option, status_option,
    {"lsm-profile", 0, "apparmor:name|selinux:label", "in place of the profile that it had", ToCheckpoint::by<set_text<&Criu::lsm_profile>>},
    {"lsm-mount-context", 0, "label", "in place of the mount label that it had", ToCheckpoint::by<set_text<&Criu::lsm_mount_context>>},
    {"no-subreaper", 0, "", "accepted for runc's callers", ToCheckpoint::by<[](CheckpointOptions&, std::string_view) { return Result<void>(); }>},
    {"no-pivot", 0, "", "accepted for runc's callers", ToCheckpoint::by<[](CheckpointOptions&, std::string_view) { return Result<void>(); }>},
};

Result<void> place(CheckpointOptions& options) {
    options.criu.images = TRY(HostPath::absolute(options.images.empty() ? "checkpoint" : options.images));
    options.criu.work = options.work.empty() ? options.criu.images : TRY(HostPath::absolute(options.work));
    return {};
}

Result<void> checkpoint_container(std::string const& id, CheckpointOptions& options) {
    TRY(place(options));
    auto const directory = TRY(ContainerDirectory::of(globals().root, id));
    auto const record = TRY(directory.read());
    auto const status = TRY(directory.status_of(record));
    if (status != ContainerStatus::running && status != ContainerStatus::paused) return Error::of(EINVAL, "container '{}' is {}: only a running one can be checkpointed", id, to_text(status));
    auto spec = TRY(directory.read_config());
    if (has_notification(directory.path())) TRY(add_notification_mount(directory.path(), spec));
    options.criu.config = TRY(oci::parse_annotations(spec.annotations)).criu_config;
    TRY(oci::checkpoint({.spec = spec, .bundle = record.bundle, .init_pid = record.pid, .cgroup = record.cgroup, .options = options.criu}).while_doing("checkpoint container '{}'", id));
    return options.criu.leave_running || options.criu.pre_dump ? Result<void>() : delete_container(id, {.force = true});
}

Result<int> restore_container(std::string const& id, CheckpointOptions& options) {
    TRY(place(options));
    auto making = TRY(prepare(id, {.bundle = options.bundle, .pid_file = options.pid_file, .detach = options.detach, .keep = options.keep}, StartedBy::this_process));
    making.request.spec = &making.loaded.spec;
    // Whether the container had it, only its images know.
    if (auto const added = add_notification_mount(making.directory.path(), making.loaded.spec); !added) {
        unmake(making);
        return added.error();
    }
    // Not before prepare(), which may execute this program again: the mask would be inherited.
    auto held = hold_signals();
    if (!held) {
        unmake(making);
        return held.error();
    }
    auto signals = std::move(held).value();
    options.criu.config = TRY(oci::parse_annotations(making.loaded.spec.annotations)).criu_config;
    auto restored = oci::restore({.create = making.request, .scratch = making.directory.path(), .options = options.criu}).while_doing("restore container '{}'", id);
    auto written = restored ? Result<void>() : Result<void>(restored.error());
    if (restored) {
        making.created = std::move(restored).value();
        making.is_created = true;
        written = write_down(making, making.created);
        if (written) written = finish_creation(making);
        if (written && !options.pid_file.empty()) written = write_named_file(TRY(HostPath::absolute(options.pid_file)), fmt::format("{}", making.created.init.pid()), 0644);
    }
    if (!written) {
        unmake(making);
        return std::move(written).error();
    }
    if (options.detach) {
        making.created.init.release();
        return 0;
    }
    auto const ended = attend(making.created.init, {}, signals);
    if (!options.keep) unmake(making);
    return TRY(ended).shell_code();
}

} // namespace

std::span<Option const> const checkpoint_options = options_of_checkpoint, restore_options = options_of_restore;

int checkpoint(Command const& command, Words const& words) {
    CheckpointOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const done = checkpoint_container(parsed.words[0], options);
    return done ? 0 : complain(done.error());
}

int restore(Command const& command, Words const& words) {
    CheckpointOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const done = restore_container(parsed.words[0], options);
    return done ? done.value() : complain(done.error());
}

} // namespace bolt::cli::oci_command
