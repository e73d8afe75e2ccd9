// bolt-oci create, run and start.
#include <csignal>
#include <cstdlib>

#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/oci_commands.h"
#include "cli/oci_foreground.h"
#include "cli/oci_making.h"
#include "cli/oci_notify.h"
#include "cli/oci_protection.h"
#include "oci/annotations.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/users.h"

namespace bolt::cli::oci_command {

namespace {

using ToCreate = Set<CreateOptions>;

constexpr Option bundle_option{"bundle", 'b', "dir", "the bundle's directory (default: the working directory)", ToCreate::text<&CreateOptions::bundle>, offers_files};
constexpr Option config_option{"config", 'f', "file", "the document, in place of the bundle's config.json", ToCreate::text<&CreateOptions::config>, offers_files};
constexpr Option console_option{"console-socket", 0, "path", "unix socket that receives the terminal's master", ToCreate::text<&CreateOptions::console_socket>, offers_files};
constexpr Option pid_option{"pid-file", 0, "file", "file to write init's process id to", ToCreate::text<&CreateOptions::pid_file>, offers_files};
constexpr Option pidfd_option{"pidfd-socket", 0, "path", "unix socket that receives a pidfd of init", ToCreate::text<&CreateOptions::pidfd_socket>, offers_files};
constexpr Option preserve_option{"preserve-fds", 0, "count", "pass this many further descriptors to the container", ToCreate::parsed<&CreateOptions::preserved, parse_descriptor_count>};
constexpr Option pivot_option{"no-pivot", 0, "", "enter the root by chroot, as in an initramfs: the host's root stays below", ToCreate::flag<&CreateOptions::no_pivot>};
constexpr Option keyring_option{"no-new-keyring", 0, "", "keep the caller's session keyring", ToCreate::flag<&CreateOptions::no_new_keyring>};

constexpr Option options_of_create[] = {bundle_option, config_option, console_option, pid_option, pidfd_option, preserve_option, pivot_option, keyring_option};
constexpr Option options_of_run[] = {
    bundle_option, config_option, console_option, pid_option, pidfd_option, preserve_option, pivot_option, keyring_option,
    {"detach", 'd', "", "leave the container running and return", ToCreate::flag<&CreateOptions::detach>},
    {"no-subreaper", 0, "", "accepted for runc's callers", ToCreate::flag<&CreateOptions::no_subreaper>},
    {"keep", 0, "", "do not delete the container after it has ended", ToCreate::flag<&CreateOptions::keep>},
};

// systemd's socket activation, sd_listen_fds(3): the sockets follow the standard streams. Variables for another process are not ours.
Result<void> pass_listening_sockets(spec::Process& process, int& preserved) {
    char const *const count = getenv("LISTEN_FDS"), *const receiver = getenv("LISTEN_PID");
    if (!count || !receiver || receiver != fmt::format("{}", getpid())) return {};
    auto const number = TRY(parse_descriptor_count(count).while_doing("LISTEN_FDS"));
    TRY(require_inherited(number + preserved, preserved > 0 ? "LISTEN_FDS and --preserve-fds" : "LISTEN_FDS"));
    preserved += number;
    process.env.push_back(fmt::format("LISTEN_FDS={}", number));
    process.env.emplace_back("LISTEN_PID=1");
    return {};
}

// What the caller's surroundings give a new container.
Result<void> equip(Making& making) {
    making.request.spec = &making.loaded.spec;
    TRY(offer_notification(making.directory.path(), making.loaded.spec));
    return pass_listening_sockets(*making.loaded.spec.process, making.request.preserved_descriptors);
}

// What the caller was promised.
Result<void> hand_over(Making& making, CreateOptions const& options) {
    if (making.created.console.is_open() && !options.console_socket.empty()) {
        TRY(send_console(options.console_socket, making.created.console));
        making.created.console.close();
    }
    if (!making.pidfd_socket.empty()) TRY(send_pidfd(making.pidfd_socket, making.created.init.pidfd()));
    if (!options.pid_file.empty())
        TRY(write_named_file(TRY(HostPath::absolute(options.pid_file)), fmt::format("{}", making.created.init.pid()), 0644).while_doing("--pid-file"));
    return {};
}

void tell_warnings(oci::Created& created) {
    for (auto const& warning : created.warnings) warn(warning);
    created.warnings.clear();
}

// Everything up to `created`. What is made on disk is taken back by the caller when this fails.
Result<void> make(Making& making, CreateOptions const& options) {
    making.request.meanwhile = [&making](oci::Created const& created) -> Result<void> {
        auto const written = write_down(making, created);
        // Only what create and start say of the command has the exit codes 126 and 127.
        if (!written) return Error(EIO, written.error().text());
        making.program.close();
        return {};
    };
    making.created = TRY(oci::create(making.request));
    making.is_created = true;
    tell_warnings(making.created);
    auto const handed = hand_over(making, options);
    if (!handed) return Error(EIO, handed.error().text());
    auto const finished = finish_creation(making);
    return finished ? Result<void>() : Error(EIO, finished.error().text());
}

Result<ExitStatus> run_to_end(Making& making, SignalQueue& signals, NotifyRelay const* notifications) {
    return attend(making.created.init, std::move(making.created.console), signals, notifications);
}

} // namespace

std::span<Option const> const create_options = options_of_create, run_options = options_of_run;

int create(Command const& command, Words const& words) {
    CreateOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto making = prepare(parsed.words[0], options, StartedBy::another);
    if (!making) return complain(making.error());
    auto made = equip(*making);
    if (made) made = make(*making, options);
    if (!made) {
        unmake(*making);
        return complain(made.error(), exit_code_of(made.error(), failed));
    }
    oci::leave_to_others(making->created);
    making->created.init.release();
    return 0;
}

int run(Command const& command, Words const& words) {
    CreateOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto making = prepare(parsed.words[0], options, StartedBy::this_process);
    if (!making) return complain(making.error());
    // Who is promised a pid file or the terminal has it before the container runs.
    making->request.starts_at_once = options.pid_file.empty() && making->pidfd_socket.empty() && !making->loaded.spec.process->terminal;
    auto made = equip(*making);
    auto held = hold_signals();
    if (!held) {
        unmake(*making);
        return complain(held.error());
    }
    std::optional signals(std::move(held).value());
    auto notifications = NotifyRelay::open(making->directory.path());
    if (made && !notifications) made = notifications.error();
    if (made) made = make(*making, options);
    if (made) made = oci::start(making->created, making->request);
    if (made) tell_warnings(making->created);
    if (!made) {
        unmake(*making);
        return complain(made.error(), exit_code_of(made.error(), failed));
    }
    auto const* const relay = notifications.value() ? &*notifications.value() : nullptr;
    if (options.detach) {
        signals.reset(); // whoever has enough of waiting may end it: the container goes on
        if (relay) tell(relay->pass_on_until_ready(making->created.init.pidfd(), making->created.init.pid()));
        making->created.init.release();
        return 0;
    }
    auto const ended = run_to_end(*making, *signals, relay);
    if (!options.keep) unmake(*making);
    return ended ? ended.value().shell_code() : complain(ended.error());
}

namespace {
Error not_created(ContainerRecord const& record, ContainerStatus status) { return Error::of(EINVAL, "container '{}' is {}: only a created one can be started", record.id, to_text(status)); }

Result<void> start_container(std::string const& id) {
    auto const directory = TRY(ContainerDirectory::of(globals().root, id));
    auto const record = TRY(directory.read());
    auto const status = TRY(directory.status_of(record));
    if (status != ContainerStatus::created) return not_created(record, status);
    auto const notifications = TRY(NotifyRelay::open(directory.path()));
    auto const init = notifications ? TRY(find_init(record)) : std::nullopt;
    auto const started = oci::start_over_socket(directory.start_socket());
    // Somebody else may have been faster. Nobody listens from then on, though the socket's name may still be there: whoever was faster
    // removes it only now, or was killed before.
    bool const is_late = !started && (started.error().is(ECONNREFUSED) || started.error().is(ECONNRESET) || started.error().is(EPIPE) || started.error().is(ECHILD));
    if (is_late && TRY(find_init(record))) {
        unlink(directory.start_socket().c_str());
        return not_created(record, ContainerStatus::running);
    }
    TRY(Result<void>(started));
    if (record.has_poststart_hooks) {
        auto const spec = directory.read_config();
        if (!spec) return Error::of(ECANCELED, "poststart hooks: {}", spec.error().text());
        TRY(oci::run_poststart_hooks(spec.value(), record.id, record.pid, record.bundle));
    }
    if (notifications && init) tell(notifications->pass_on_until_ready(*init, record.pid));
    return {};
}
} // namespace

int start(Command const& command, Words const& words) {
    NoOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const started = start_container(parsed.words[0]);
    // A hook has failed: runtime.md goes on with steps 12 and 13.
    if (!started && started.error().is(ECANCELED))
        if (auto const destroyed = delete_container(parsed.words[0], {.force = true}); !destroyed) warn(fmt::format("{}, ignoring", destroyed.error().text()));
    return started ? 0 : complain(started.error(), exit_code_of(started.error(), failed));
}

} // namespace bolt::cli::oci_command
