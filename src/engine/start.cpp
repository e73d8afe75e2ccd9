// Starting a container: its monitor is spawned and asked in two steps, so that whoever watches is attached in between.
#include <fcntl.h>

#include "engine/container_lock.h"
#include "engine/containers.h"
#include "engine/delegated_cgroup.h"
#include "engine/monitor_calls.h"
#include "engine/record.h"
#include "engine/seccomp_profile.h"
#include "monitor/host_files.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::engine {

namespace {

// Numbers the monitor finds its descriptors at. The lock it only holds.
constexpr int channel_number = 3, request_number = 4, lock_number = 5;

Result<void> write_request(FdRef file, Record const& record, Json request) {
    if (record.default_seccomp) request.set("seccomp_program", default_seccomp_program_in_hex());
    return write_all(file, request.dump());
}

struct Launch {
    Channel channel;
    Process monitor;
};

SpawnOptions monitor_options(Record const& record, Channel const& channel, FdRef request, FdRef lock) {
    SpawnOptions options;
    options.arguments = {"bolt-monitor"};
    for (auto const& [option, number] : {std::pair("--channel-fd", channel_number), std::pair("--request-fd", request_number), std::pair("--lock-fd", lock_number)})
        options.arguments.insert(options.arguments.end(), {option, fmt::format("{}", number)});
    options.arguments.insert(options.arguments.end(), {record.id.substr(0, 12), record.name}); // for ps(1)
    options.inherited = {{channel.fd().number(), channel_number}, {request.number(), request_number}, {lock.number(), lock_number}};
    return options;
}

// Without limits the monitor stays in the caller's control group; with them it begins in one that is the user's own.
Result<Launch> launch(Installation const& here, Record const& record, Json const& document, FdRef lock) {
    auto [ours, theirs] = TRY(Channel::make_pair());
    auto const request = TRY(make_memory_file("bolt-request"));
    auto const options = monitor_options(record, theirs, request, lock);
    auto const limited = TRY(document.bool_or("limits_requested", false));
    if (!limited || here.user.uid == 0) {
        TRY(write_request(request, record, document));
        auto monitor = TRY(spawn(here.monitor, options));
        return Launch{std::move(ours), std::move(monitor)};
    }
    auto place = TRY(DelegatedCgroup::make(record.id, needed_controllers(document), here.monitor, options, here.scope));
    TRY(write_request(request, record, with_cgroup(document, place.container_path())));
    TRY(place.spawn_inside());
    return Launch{std::move(ours), Process()};
}

Error explain_silence(Launch& launch) {
    if (!launch.monitor.is_running()) return Error::of(ESRCH, "the container's monitor ended before the container was made");
    auto const ended = launch.monitor.wait();
    return Error::of(ESRCH, "bolt-monitor {} before the container was made", ended ? ended.value().text() : ended.error().text());
}

// The next message of that type. A client that is told of output before it can take it would lose it, so nothing but the
// answer is expected.
Result<std::string> expect(Launch& launch, monitor::Type wanted, StartFailure& failure) {
    auto incoming = monitor::receive(launch.channel);
    if (!incoming && !incoming.error().is(ECONNRESET)) return std::move(incoming).error();
    if (!incoming || !incoming.value()) return explain_silence(launch);
    auto& message = *incoming.value();
    if (message.type == wanted) return std::move(message.payload);
    if (message.type != monitor::Type::failed)
        return Error::of(EPROTO, "the container's monitor sent '{}' where '{}' was expected", static_cast<char>(message.type), static_cast<char>(wanted));
    auto failed = parse_failure(message.payload);
    failure.exit_code = failed.exit_code;
    return std::move(failed.error);
}

Result<void> order(Launch const& launch, Attach attach, std::optional<WindowSize> window) {
    if (attach != Attach::no)
        TRY(monitor::send(launch.channel, monitor::Type::attach, Json().set("input", attach == Attach::input_and_output).set("output", true).dump()));
    // Before the start: a command that asks at once must find it.
    if (window) TRY(monitor::send(launch.channel, monitor::Type::resize, Json().set("rows", window->rows).set("columns", window->columns).dump()));
    return monitor::send(launch.channel, monitor::Type::start);
}

Result<Started> converse(Launch& launch, Attach attach, std::optional<WindowSize> window, StartFailure& failure) {
    Started started;
    // Everything at once: the monitor takes it in this order when the container is made. One that is gone is explained below.
    auto const ordered = order(launch, attach, window);
    if (!ordered && !ordered.error().is(EPIPE) && !ordered.error().is(ECONNRESET)) return ordered.error();
    auto const created = TRY(Json::parse(TRY(expect(launch, monitor::Type::created, failure))));
    started.warnings = TRY(created.strings("warnings"));
    auto const said = TRY(Json::parse(TRY(expect(launch, monitor::Type::started, failure))));
    started.pid = static_cast<pid_t>(TRY(said.integer_or("pid", 0)));
    started.channel = std::move(launch.channel);
    return started;
}

Result<Started> start_locked(Installation const& here, Container const& container, Attach attach, std::optional<WindowSize> window, StartFailure& failure) {
    auto const lock = TRY(lock_stopped_container(here, container));
    // What `create` has just made is as it was written; anything else may have changed since the caller looked.
    auto const record = TRY(find_record(here.layout, container.record.id));
    if (!record) return Error::of(ENOENT, "{} was removed meanwhile", title_of(container));
    auto const request = TRY(request_of(*record));
    TRY(monitor::prepare_run_directory(run_directory_of(here, container), request));
    auto launched = TRY(launch(here, *record, request, lock.fd()));
    auto started = converse(launched, attach, window, failure);
    // Its life is its own from here on; one that failed ends by itself.
    launched.monitor.release();
    return started;
}

} // namespace

Result<Started> start_container(Installation const& here, Container const& container, Attach attach, StartFailure& failure, std::optional<WindowSize> window) {
    failure.exit_code = 125;
    auto started = start_locked(here, container, attach, window, failure);
    if (!started && container.record.remove && !started.error().is(EALREADY) && !started.error().is(EBUSY))
        // The failure to tell is the first one; what stays is found by `bolt ps -a`, ignoring.
        (void)remove_container(here, container, Force::yes, Volumes::remove_anonymous);
    if (!started && (started.error().is(EALREADY) || started.error().is(EBUSY))) return started; // the text names the container
    return std::move(started).while_doing("start {}", title_of(container));
}

} // namespace bolt::engine
