#include "monitor/monitor.h"

#include <csignal>

#include <sys/epoll.h>
#include <unistd.h>

#include "base/json.h"
#include "monitor/host_files.h"
#include "oci/messages.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "sys/memory.h"

namespace bolt::monitor {

namespace {

Time now() { return std::chrono::time_point_cast<Time::duration>(Clock::now()); }

// What the start needed is given back this long after it, out of the way of whoever waits for the container.
constexpr std::chrono::milliseconds settling_time{200};

} // namespace

int exit_code_of_failure(Error const& error) { return error.is(ENOENT) ? 127 : error.is(EACCES) ? 126 : 125; }

Error not_running() { return Error::of(ESRCH, "the container is not running"); }

Result<Request> read_request(FdRef document) {
    if (lseek(document.number(), 0, SEEK_SET) < 0) return Error::from_errno("read the container's request");
    auto const text = TRY(read_to_end(document).while_doing("read the container's request"));
    auto json = TRY(Json::parse(text).while_doing("read the container's request"));
    // The configuration is by far the largest part: moved, not copied.
    Json spec;
    if (auto* const members = json.find_object())
        for (auto& [key, value] : *members)
            if (key == "spec" && value.find_object()) spec = std::exchange(value, Json::object());
    auto request = TRY(parse_request(json).while_doing("read the container's request"));
    if (!spec.is_null()) request.spec = std::move(spec);
    return request;
}

Monitor::Monitor(EventLoop& loop, FdRef document, UniqueFd lock)
    : loop_(loop),
      document_(document),
      lock_(std::move(lock)),
      clients_(loop, {.message = [this](ClientPtr const& client, Incoming incoming) { take(client, std::move(incoming)); },
                      .gone = [this](ClientPtr const& client) { client_gone(client); },
                      .pace_changed =
                          [this] {
                              if (streams_) streams_->set_paused(clients_.is_congested());
                              close_if_told();
                          }}) {}

Monitor::~Monitor() {
    if (grave_) (void)remove_tree(*grave_).ok(); // nobody waits any more; what stays is swept away with the rest of the trash, ignoring
    loop_.cancel(timer_);
    if (signals_) loop_.forget(signals_->fd());
    if (!surroundings_) return;
    if (auto* const forwarder = surroundings_->forwarder()) loop_.forget(forwarder->poll_fd());
    if (auto* const pasta = surroundings_->pasta()) loop_.forget(pasta->poll_fd());
}

Result<void> Monitor::create(Channel engine) {
    TRY(clients_.add(std::move(engine), true));
    auto const prepared = prepare();
    if (!prepared) {
        give_up_creation(prepared.error());
        return prepared;
    }
    phase_ = Phase::created;
    Json payload;
    auto warnings = surroundings_->warnings();
    for (auto& warning : runtime_->warnings()) warnings.push_back(std::move(warning));
    payload.set("warnings", std::move(warnings));
    clients_.post(clients_.all().front(), Type::created, payload.dump());
    return {};
}

Result<void> Monitor::prepare() {
    TRY(leave_the_caller());
    request_ = TRY(read_request(document_));
    TRY(watch_signals());
    state_.monitor_pid = getpid();
    state_.monitor_start_time = TRY(start_time_of(getpid()));
    state_.boot = TRY(boot_id());
    auto entered = Surroundings::enter(request_);
    // A port that may not be opened and a pasta that is missing are not the command.
    if (!entered) return oci::without_command_codes(std::move(entered).error());
    surroundings_.emplace(std::move(entered).value());
    state_.ports = surroundings_->published();
    if (auto* const forwarder = surroundings_->forwarder())
        TRY(loop_.watch(forwarder->poll_fd(), EPOLLIN, [this](std::uint32_t) {
            auto const handled = surroundings_->forwarder()->handle_events();
            if (handled) return;
            loop_.forget(surroundings_->forwarder()->poll_fd());
            state_.error = handled.error().text();
        }));
    TRY(make_directories(request_.run_directory, 0700));
    log_.emplace(TRY(LogWriter::open(request_.log.file, {request_.log.largest_file, request_.log.files})));
    TRY(make_container(request_));
    if (auto completed = surroundings_->complete(); !completed) return oci::without_command_codes(std::move(completed).error());
    if (auto const* const pasta = surroundings_->pasta(); pasta && pasta->pid() > 0) {
        state_.network_pid = pasta->pid();
        state_.network_start_time = TRY(start_time_of(pasta->pid()));
    }
    if (auto* const pasta = surroundings_->pasta()) TRY(loop_.watch(pasta->poll_fd(), EPOLLIN, [this](std::uint32_t) { pasta_ended(); }));
    return clients_.listen(TRY(listen_for_clients(request_.run_directory)));
}

namespace {

// Overlayfs refuses a volatile upper layer that was not unmounted in order, and takes every second mount for that. Between two runs
// of one monitor, and after one that was killed, nothing is lost, as long as the host did not go down.
Result<void> accept_volatile_layer(Request const& request) {
    if (!request.overlay || !request.overlay->is_volatile) return {};
    auto const mark = request.overlay->work / "work/incompat";
    if (!exists(mark)) return {};
    auto const last = TRY(find_state(request.run_directory));
    bool const has_run = last || !TRY(list_directory(request.overlay->upper)).empty();
    if (has_run && (!last || last->boot != TRY(boot_id())))
        return Error::of(ESTALE, "it was to be removed at its end (--rm), but the host went down first, and its files may be incomplete; remove it with `bolt rm`");
    return remove_tree(mark);
}

} // namespace

Result<void> Monitor::make_container(Request const& request) {
    TRY(accept_volatile_layer(request));
    // Last of all: a runtime whose container is not removed yet must be, before its streams close.
    streams_ = std::make_unique<Streams>(
        loop_, Streams::Events{.output =
                                   [this](std::span<char> message, Stream stream) {
                                       log_->write({message.data() + 1, message.size() - 1}, stream, now());
                                       message[0] = static_cast<char>(stream == Stream::output ? Type::output : Type::error_output);
                                       clients_.post_output({message.data(), message.size()});
                                       streams_->set_paused(clients_.is_congested());
                                   },
                               .room_for_input = [this] { clients_.release_held(); },
                               .ended = [this] { drained(); }});
    auto const ends = TRY(streams_->open(request.terminal ? Streams::Kind::terminal : Streams::Kind::pipes,
                                         request.input_open ? InputPolicy::open : InputPolicy::none));
    runtime_ = request.runtime ? make_command_runtime(*request.runtime) : make_own_runtime();
    auto made = [&]() -> Result<void> {
        TRY(runtime_->create(request, ends));
        if (request.terminal) TRY(streams_->take_console(runtime_->take_console()));
        return streams_->begin();
    }();
    if (made) return made;
    auto const complaints = runtime_->remove();
    runtime_.reset();
    streams_.reset();
    if (complaints.empty()) return made;
    return Error::of(made.error().code(), "{}; and then: {}", made.error().text(), join_texts(complaints));
}

void Monitor::give_up_creation(Error const& error) {
    phase_ = Phase::ended;
    if (runtime_) (void)runtime_->remove(); // the first error is the one to tell, ignoring
    runtime_.reset();
    if (surroundings_) surroundings_->leave();
    streams_.reset();
    log_.reset();
    clients_.stop_listening();
    remove_files();
    let_lock_go();
    clients_.post_failure(clients_.all().front(), error, exit_code_of_failure(error));
    exited_told_ = true;
    close_if_told();
}

Result<void> Monitor::start_container() {
    TRY(runtime_->start());
    phase_ = Phase::running;
    state_.status = Status::running;
    state_.pid = runtime_->init().pid();
    state_.start_time = TRY(start_time_of(state_.pid));
    state_.started_at = now();
    state_.finished_at.reset();
    state_.exit_code = 0;
    state_.oom_killed = state_.stopped_by_user = false;
    state_.error.clear();
    state_.cgroup = runtime_->cgroup();
    memory_kills_before_ = runtime_->memory_kills();
    // The state goes with a reboot, this record stays.
    if (request_.remove_at_exit.empty()) TRY(write_exit_record(request_.container_directory, went_down_with_the_host(state_)));
    TRY(write_state(request_.run_directory, state_));
    // From here on a reader who misses the state knows that it was removed, and whom to ask for it.
    if (lock_.is_open()) say_holder(lock_);
    return {};
}

void Monitor::settle() {
    loop_.after(settling_time, [this] {
        request_.spec = Json();
        request_.seccomp_program.reset();
        request_.overlay.reset();
        if (runtime_) runtime_->settle();
        hand_back_memory();
    });
}

void Monitor::restart_now() {
    timer_ = 0;
    phase_ = Phase::creating;
    bool const asked = std::exchange(restart_asked_, false);
    auto restarted = [&]() -> Result<void> {
        auto const request = TRY(read_request(document_));
        if (!exists(request.run_directory / "hosts")) TRY(prepare_run_directory(request));
        TRY(listen_if_the_socket_is_gone()); // before the state is written: who finds that, asks for nothing more
        TRY(make_container(request));
        // Docker counts the restarts of the policy, not those that were asked for.
        state_.restart_count = asked ? 0 : state_.restart_count + 1;
        return start_container();
    }();
    if (!restarted) {
        if (runtime_) (void)runtime_->remove(); // the first error is the one to tell, ignoring
        state_.error = fmt::format("it could not be started again: {}", restarted.error().text());
        state_.exit_code = exit_code_of_failure(restarted.error());
        runtime_.reset();
        streams_.reset();
        for (auto const& asker : std::exchange(restart_askers_, {}))
            if (auto const client = asker.lock()) clients_.post_failure(client, restarted.error(), state_.exit_code);
        return end();
    }
    tell(restart_askers_);
    clients_.release_held();
    settle();
}

int run_monitor(Channel engine, UniqueFd document, UniqueFd lock) {
    auto loop = EventLoop::make();
    if (!loop) return 1;
    Monitor monitor(loop.value(), document, std::move(lock));
    auto const created = monitor.create(std::move(engine));
    auto const ran = monitor.run();
    return created && ran ? 0 : 1;
}

} // namespace bolt::monitor
