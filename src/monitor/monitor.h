// The life of one container, as the process sees it that stays with it: one loop, no threads.
//
//   created ──start──► running ──init ends──► drained ──┬── policy ──► restarting ──pause──► running
//                                                       └──────────► ended: records, clients told, `--rm`
//
// Who dies with whom
//   * This process dies, however: init gets SIGKILL, by its parent-death signal, which it loses when it changes its user, and
//     from a child of ours that watches for it (death_watch.h), which is made 200 ms after the start, or at once when another
//     runtime made the container. As pid 1 it takes its whole pid namespace with it. If the watcher was killed too, the next
//     command that stops, starts or removes the container ends it. A container that shares the host's pid namespace may leave
//     processes behind; they are in its cgroup. The listeners close with the process; pasta's keeper sees its channel close and
//     ends pasta. What is left on disk (state.json, the socket, the holder's entry) is recognised as dead by its readers:
//     find_state says `exited`, 137.
//   * Init dies: the kernel kills the rest of its pid namespace, tenants included; what is outside is killed by cgroup.
//   * The engine dies before `start`: nobody is left who would start what was created, so it is undone. After `start`: nothing
//     changes, in the foreground neither, with `--rm` neither (docker's rule).
//   * A client dies: it is detached. A tenant goes on when its client is gone; its exit code is then nobody's. One that is still
//     being made is killed with its maker.
//   * A tenant's maker dies: its client is told. Makers are killed when the container ends.
//   * The terminal hangs up, the session ends: nothing; the monitor has a session of its own. SIGTERM and SIGINT to the
//     monitor stop the container in order, without counting as the user's wish for `unless-stopped`.
//   * The run directory is removed (/run/user/UID goes with the last login): nothing; SIGUSR1, which the next command sends that
//     misses the state, makes it and the socket there again. The lock's file says from the start on who that signal is for.
//   * pasta dies: the container goes on without a way out; the state's `error` says so.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/clients.h"
#include "monitor/log_writer.h"
#include "monitor/request.h"
#include "monitor/restart.h"
#include "monitor/runtime.h"
#include "monitor/state.h"
#include "monitor/streams.h"
#include "monitor/surroundings.h"
#include "sys/event_loop.h"
#include "sys/signal_queue.h"

namespace bolt::monitor {

class Monitor {
public:
    // `document` is the descriptor with the Request; it is read again for restarts and tenants, so that an idle monitor holds
    // neither the configuration nor a copy of it. `lock` is the container's, or closed.
    Monitor(EventLoop& loop, FdRef document, UniqueFd lock);
    ~Monitor();

    // Makes everything up to the waiting init and says `created` to the engine. On failure all is undone, `failed` was said.
    Result<void> create(Channel engine);
    // Until the container has ended for good and the clients know.
    Result<void> run() { return closed_ ? Result<void>() : loop_.run(); }

private:
    enum class Phase { creating, created, running, draining, restarting, ended };

    // making and starting (monitor.cpp)
    Result<void> prepare();
    Result<void> make_container(Request const& request);
    Result<void> start_container();
    void give_up_creation(Error const& error);
    void restart_now();
    void settle(); // after the start: hand back what only the start needed

    // ending (ending.cpp)
    void init_ended(ExitStatus ended);
    void drained();
    void plan_restart(std::chrono::milliseconds pause);
    void end();
    void remove_files();
    void let_lock_go();
    Result<void> take_away(HostPath const& path);
    void tell(std::vector<std::weak_ptr<Client>>& askers); // that it is done
    void tell_the_end();
    void close_if_told();

    // signals and children (children.cpp)
    Result<void> watch_signals();
    void read_signals();
    void make_files_again();
    Result<void> listen_if_the_socket_is_gone();
    void reap();
    void tenant_ended(std::size_t index, ExitStatus ended);
    void pasta_ended();

    // clients (requests.cpp)
    void take(ClientPtr const& client, Incoming incoming);
    Result<void> perform(ClientPtr const& client, Incoming& incoming);
    Result<void> start_for(ClientPtr const& client);
    Result<void> attach(Client& client, std::string_view payload);
    Result<void> resize(std::string_view payload);
    Result<void> signal(ClientPtr const& client, std::string_view payload);
    Result<void> stop(ClientPtr const& client, std::string_view payload);
    Result<void> restart(ClientPtr const& client, std::string_view payload);
    void client_gone(ClientPtr const& client);
    void end_early(); // out of the pause before a restart
    void begin_stop(int signal, std::chrono::milliseconds timeout); // negative: no limit
    bool is_alive() const { return phase_ == Phase::created || phase_ == Phase::running; }

    // one process more (exec.cpp)
    Result<void> exec(ClientPtr const& client, Incoming& incoming);
    struct Maker { // of a tenant
        Process process;
        Channel channel;
        std::weak_ptr<Client> client;
        bool hangs_up = false; // the tenant, with its client
    };
    void maker_spoke(pid_t pid);
    Maker let_go(pid_t maker);
    void take_over(Maker const& maker, std::optional<Error> const& why_silent);
    Result<void> tell_of_tenant(ClientPtr const& client, Tenant const& tenant);
    void dismiss_makers(Client const* whose = nullptr); // those of a client who is gone; all, when the container has ended

    EventLoop& loop_;
    FdRef document_;
    UniqueFd lock_; // until nothing of the container is in anybody's way
    Request request_; // without spec and seccomp_program once the container runs
    std::optional<Surroundings> surroundings_;
    std::unique_ptr<Runtime> runtime_;
    std::optional<LogWriter> log_;
    std::unique_ptr<Streams> streams_;
    Clients clients_;
    std::optional<SignalQueue> signals_;
    State state_;
    Phase phase_ = Phase::creating;
    RestartDelay restart_delay_;
    EventLoop::TimerId timer_ = 0; // of the stop's patience, or of the restart's pause
    std::optional<std::chrono::steady_clock::time_point> kill_at_; // when the stop's patience ends
    std::uint64_t memory_kills_before_ = 0;

    std::map<pid_t, Maker> makers_;
    struct RunningTenant {
        Process process;
        std::weak_ptr<Client> client;
        bool hangs_up = false; // with its client
    };
    std::vector<RunningTenant> tenants_;
    std::vector<std::weak_ptr<Client>> stop_askers_, restart_askers_;
    bool shutting_down_ = false;  // by a signal to this process
    bool restart_asked_ = false;
    bool exited_told_ = false;
    bool closed_ = false;         // every client has been told everything
    std::optional<HostPath> grave_; // the container's directory, moved out of sight, to be deleted when everybody has been told
};

// The whole program, after its arguments were read. The exit status is for nobody but a person who looks: 0 unless the
// container could not be made.
int run_monitor(Channel engine, UniqueFd document, UniqueFd lock);

// What clients get who come too late, or too early.
Error not_running();
// Reads a Request from the start of a descriptor that can be read again.
Result<Request> read_request(FdRef document);

} // namespace bolt::monitor
