// src/oci in this process.
#include "monitor/runtime.h"

#include <csignal>

#include "monitor/death_watch.h"
#include "oci/memory_events.h"
#include "monitor/process_document.h"
#include "oci/container.h"
#include "spec/runtime.h"

namespace bolt::monitor {

namespace {

// The network namespace is the monitor's own: the container is born in it.
Result<spec::Runtime> parse_spec(Json const& document) {
    auto spec = TRY(spec::parse_runtime(document).while_doing("read the container's configuration"));
    std::erase_if(spec.linux_.namespaces, [](auto const& entry) { return entry.type == spec::NamespaceType::network && entry.path.empty(); });
    return spec;
}

class OwnRuntime final : public Runtime {
public:
    Result<void> create(Request const& request, ContainerEnds const& ends) override;
    Result<void> start() override { return oci::start(created_, request_); }
    void settle() override;
    std::vector<std::string> warnings() const override { return created_.warnings; }
    Process& init() override { return created_.init; }
    UniqueFd take_console() override { return std::move(created_.console); }
    std::string cgroup() const override { return oci::cgroup_path_of(created_.cgroup.directories()); }
    std::uint64_t memory_kills() const override { return memory_.kills(); }
    Result<Tenant> exec(Request const& container, ExecRequest const& request, ContainerUser const& user, ContainerEnds const& ends) override;
    void kill_all() override;
    ErrorList remove() override;
    bool reap_own(pid_t pid) override {
        if (!death_watch_ || !death_watch_->is(pid)) return false;
        death_watch_->reap();
        return true;
    }

private:
    spec::Runtime spec_;
    oci::CreateRequest request_;
    oci::Created created_;
    oci::MemoryEvents memory_;
    std::optional<DeathWatch> death_watch_; // for those that live longer than a moment; until then the signal must do
    bool own_pid_namespace_ = false, made_ = false;
};

Result<void> OwnRuntime::create(Request const& request, ContainerEnds const& ends) {
    spec_ = TRY(parse_spec(request.spec));
    own_pid_namespace_ = spec_.linux_.find(spec::NamespaceType::pid) != nullptr;
    request_.id = request.id;
    request_.spec = &spec_;
    request_.bundle = request.container_directory;
    request_.overlay = request.overlay;
    request_.input = ends.input;
    request_.output = ends.output;
    request_.error = ends.error;
    request_.seccomp_program = request.seccomp_program;
    request_.dies_with_parent = true;
    created_ = TRY(oci::create(request_));
    made_ = true;
    memory_ = oci::MemoryEvents::of_directories(created_.cgroup.directories());
    return {};
}

// What is left is what remove() and its hooks look at.
void OwnRuntime::settle() {
    request_.seccomp_program.reset();
    spec_.process.reset();
    std::vector<spec::Mount>().swap(spec_.mounts);
    spec_.linux_.seccomp.reset();
    if (death_watch_ || !created_.init.pidfd().is_open()) return;
    // Without one, init's own signal must do, and the next command finds an orphan: ignoring.
    if (auto watch = DeathWatch::begin(created_.init)) death_watch_.emplace(std::move(watch).value());
}

Result<Tenant> OwnRuntime::exec(Request const& container, ExecRequest const& request, ContainerUser const& user, ContainerEnds const& ends) {
    auto spec = TRY(parse_spec(container.spec));
    if (request.privileged) spec.linux_.seccomp.reset();
    auto const document = TRY(tenant_process(container.spec, request, user, request.privileged ? last_capability_of_kernel() : 0));
    auto const process = TRY(spec::parse_process(document));
    oci::TenantRequest wanted;
    wanted.id = request_.id;
    wanted.bundle = request_.bundle;
    wanted.init_pid = created_.init.pid();
    wanted.spec = &spec;
    wanted.process = &process;
    wanted.input = ends.input;
    wanted.output = ends.output;
    wanted.error = ends.error;
    if (!request.privileged) wanted.seccomp_program = container.seccomp_program;
    wanted.cgroup = &created_.cgroup;
    auto made = TRY(oci::exec(wanted));
    return Tenant{std::move(made.process), std::move(made.console)};
}

void OwnRuntime::kill_all() {
    if (created_.init.is_running()) (void)created_.init.kill(SIGKILL).ok(); // ended a moment ago, ignoring
    // A pid namespace ends with its init; without one only the cgroup knows the members.
    if (!own_pid_namespace_ && created_.cgroup.exists()) created_.cgroup.kill_all();
}

ErrorList OwnRuntime::remove() {
    death_watch_.reset();
    if (!std::exchange(made_, false)) return {};
    return oci::remove(created_, request_);
}

} // namespace

std::unique_ptr<Runtime> make_own_runtime() { return std::make_unique<OwnRuntime>(); }

} // namespace bolt::monitor
