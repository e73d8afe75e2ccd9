// Signals to the monitor, and the children it has: init, tenants, pasta's keeper, and what a runtime or a container left to it
// as their subreaper.
#include "monitor/monitor.h"

#include <algorithm>
#include <csignal>

#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "sys/file.h"

namespace bolt::monitor {

Result<void> Monitor::watch_signals() {
    signals_.emplace(TRY(SignalQueue::open({SIGCHLD, SIGTERM, SIGINT, SIGUSR1})));
    return loop_.watch(signals_->fd(), EPOLLIN, [this](std::uint32_t) { read_signals(); });
}

void Monitor::read_signals() {
    bool child = false, end = false, files = false;
    while (auto const signal = signals_->next()) (*signal == SIGCHLD ? child : *signal == SIGUSR1 ? files : end) = true;
    if (child) reap();
    if (files) make_files_again();
    if (!end || shutting_down_) return;
    shutting_down_ = true;
    if (phase_ == Phase::restarting) end_early();
    else if (is_alive()) begin_stop(request_.stop_signal, request_.stop_timeout);
}

Result<void> Monitor::listen_if_the_socket_is_gone() {
    if (exists(request_.run_directory / "control.sock")) return {};
    auto listener = TRY(listen_for_clients(request_.run_directory));
    clients_.stop_listening();
    return clients_.listen(std::move(listener));
}

// What cannot be made is missed by whoever asked, who says so.
void Monitor::make_files_again() {
    if (!state_.started_at || phase_ == Phase::ended || !make_directories(request_.run_directory, 0700)) return;
    (void)listen_if_the_socket_is_gone().ok();
    if (!exists(request_.run_directory / "state.json")) (void)write_state(request_.run_directory, state_).ok(); // last: readers look for it first
}

void Monitor::reap() {
    for (;;) {
        siginfo_t ended{};
        // Looked at, not yet reaped: each is reaped by who owns it.
        if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 || ended.si_pid == 0) return;
        pid_t const pid = ended.si_pid;
        auto const tenant = std::find_if(tenants_.begin(), tenants_.end(), [&](auto const& running) { return running.process.pid() == pid; });
        if (runtime_ && runtime_->init().pid() == pid) {
            dismiss_makers(); // they go by init's pid, which is nobody else's until it is reaped
            auto const status = runtime_->init().find_exit();
            init_ended(status && status.value() ? *status.value() : ExitStatus{.signal = SIGKILL});
        } else if (tenant != tenants_.end()) {
            auto const status = tenant->process.find_exit();
            tenant_ended(static_cast<std::size_t>(tenant - tenants_.begin()), status && status.value() ? *status.value() : ExitStatus{.signal = SIGKILL});
        } else if (surroundings_ && surroundings_->pasta() && surroundings_->pasta()->keeper_pid() == pid) {
            pasta_ended();
        } else if (makers_.contains(pid)) {
            maker_spoke(pid); // or died without a word
        } else if (!runtime_ || !runtime_->reap_own(pid)) {
            waitpid(pid, nullptr, WNOHANG | __WALL);
        }
    }
}

void Monitor::tenant_ended(std::size_t index, ExitStatus ended) {
    auto const client = tenants_[index].client.lock();
    tenants_.erase(tenants_.begin() + static_cast<std::ptrdiff_t>(index));
    if (!client) return;
    Json payload;
    payload.set("exit_code", ended.shell_code());
    clients_.post(client, Type::exec_exited, payload.dump());
}

void Monitor::pasta_ended() {
    auto* const pasta = surroundings_->pasta();
    if (phase_ == Phase::ended) return pasta->stop(); // as it was told to
    auto const why = pasta->find_end();
    loop_.forget(pasta->poll_fd());
    pasta->stop();
    state_.error = fmt::format("the container has lost its network: {}", why.value_or("pasta ended"));
    if (phase_ == Phase::running) (void)write_state(request_.run_directory, state_).ok(); // written again at the end, ignoring
}

} // namespace bolt::monitor
