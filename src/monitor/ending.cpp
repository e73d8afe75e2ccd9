// How a run ends, and what comes after it.
#include "monitor/monitor.h"

#include "base/json.h"
#include "sys/file.h"
#include "sys/lock.h"

namespace bolt::monitor {

void Monitor::init_ended(ExitStatus ended) {
    bool const ran = phase_ == Phase::running;
    phase_ = Phase::draining;
    loop_.cancel(timer_);
    kill_at_.reset();
    state_.finished_at = std::chrono::time_point_cast<Time::duration>(Clock::now());
    state_.exit_code = ended.shell_code();
    state_.oom_killed = ran && runtime_->memory_kills() > memory_kills_before_;
    if (!ran && state_.error.empty()) state_.error = fmt::format("the container's init {} before it was started", ended.text());
    runtime_->kill_all(); // what was outside of its pid namespace
    streams_->finish();
}

void Monitor::drained() {
    streams_.reset();
    if (auto const complaints = runtime_->remove(); !complaints.empty()) state_.error = join_texts(complaints);
    runtime_.reset();
    state_.pid = 0;
    state_.start_time = 0;
    if (restart_asked_) return plan_restart(std::chrono::milliseconds(0));
    EndOfRun const run{state_.exit_code, state_.stopped_by_user || shutting_down_, state_.restart_count};
    if (!state_.started_at || !should_restart(request_.restart, request_.most_restarts, run)) return end();
    plan_restart(restart_delay_.next(*state_.finished_at - *state_.started_at));
}

void Monitor::plan_restart(std::chrono::milliseconds pause) {
    phase_ = Phase::restarting;
    state_.status = Status::restarting;
    // A state that cannot be written is corrected by the next one, ignoring.
    (void)write_state(request_.run_directory, state_).ok();
    // Who waited for the end of this run, or asked for it, has it, whatever comes next.
    for (auto const& client : clients_.all())
        if (std::exchange(client->waiting, false)) clients_.post(client, Type::exited, to_json(state_).dump());
    tell(stop_askers_);
    timer_ = loop_.after(pause, [this] { restart_now(); });
}

// The order: nothing of this container is in anybody's way any more when its record says `exited`, since the next monitor
// may begin then; and clients hear of it last, since they may ask for the name or the ports at once.
void Monitor::end() {
    phase_ = Phase::ended;
    loop_.cancel(timer_);
    if (auto* const forwarder = surroundings_->forwarder()) loop_.forget(forwarder->poll_fd());
    if (auto* const pasta = surroundings_->pasta()) loop_.forget(pasta->poll_fd());
    surroundings_->leave();
    log_.reset();
    if (lock_.is_open()) say_nobody(lock_); // who misses the files from here on has not lost them
    state_.status = state_.started_at ? Status::exited : Status::created;
    if (request_.remove_at_exit.empty()) {
        auto const socket = remove_file(request_.run_directory / "control.sock");
        clients_.stop_listening();
        auto const recorded = write_exit_record(request_.container_directory, state_);
        if (!recorded) state_.error = recorded.error().text();
        auto const stated = write_state(request_.run_directory, state_);
        // The clients are the last who can be told.
        if (!stated) state_.error = stated.error().text();
        else if (!socket && !socket.error().is(ENOENT)) state_.error = socket.error().text();
    } else {
        clients_.stop_listening();
        remove_files();
    }
    let_lock_go();
    tell_the_end();
}

// Clients may take their time to read what they were sent, and nobody is to wait for them. Copies of the descriptor that children have
// let go with it.
void Monitor::let_lock_go() {
    if (lock_.is_open()) release_lock(lock_);
    lock_.close();
}

// --rm. The run directory goes last: as long as it is there, lists show a container, and a whole one.
void Monitor::remove_files() {
    if (request_.remove_at_exit.empty()) return;
    auto paths = request_.remove_at_exit;
    std::erase(paths, request_.run_directory);
    paths.push_back(request_.run_directory);
    for (auto const& path : paths)
        if (auto const removed = take_away(path); !removed) state_.error = removed.error().text();
}

// The container's own directory takes the longest: it is only moved out of sight here.
Result<void> Monitor::take_away(HostPath const& path) {
    if (request_.trash && path.text() == request_.container_directory.text()) {
        auto const grave = *request_.trash / request_.id;
        if (rename_file(path, grave)) {
            grave_ = grave;
            return {};
        }
    }
    return remove_tree(path);
}

void Monitor::tell(std::vector<std::weak_ptr<Client>>& askers) {
    for (auto const& asker : std::exchange(askers, {}))
        if (auto const client = asker.lock()) clients_.post(client, Type::done);
}

void Monitor::tell_the_end() {
    exited_told_ = true;
    auto const document = to_json(state_).dump();
    clients_.post_to(Type::exited, document, [](Client const& client) { return client.foreground || client.waiting || client.gets_output; });
    tell(stop_askers_);
    for (auto const& asker : std::exchange(restart_askers_, {}))
        if (auto const client = asker.lock()) clients_.post_failure(client, Error::of(ESRCH, "the container ended and is not started again"), 125);
    clients_.release_held();
    close_if_told();
}

void Monitor::close_if_told() {
    if (!exited_told_ || closed_ || !clients_.is_idle()) return;
    closed_ = true;
    clients_.close_all();
    loop_.stop();
}

} // namespace bolt::monitor
