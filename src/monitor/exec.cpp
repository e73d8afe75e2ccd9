// exec: one process more in the container.
//
// What it is made from is the container's own: its /etc/passwd, the command's file, and the tenant itself, which the container's
// processes may stop. Each can take as long as they like, so a child of ours, the maker, does all of it, and this process goes
// on. The maker is the tenant's parent until we know the tenant; then it ends and leaves the tenant to us, its subreaper.
#include "monitor/monitor.h"

#include <csignal>

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/json.h"
#include "oci/messages.h"
#include "sys/file.h"
#include "sys/root.h"

namespace bolt::monitor {

namespace {

Result<ContainerEnds> take_tenant_streams(ExecRequest const& request, Incoming& incoming) {
    ContainerEnds ends;
    if (request.terminal) {
        ends.input = TRY(open_null());
        ends.output = TRY(open_null());
        ends.error = TRY(open_null());
        return ends;
    }
    if (incoming.descriptors.size() != 3) return Error::of(EPROTO, "exec without a terminal needs three descriptors, got {}", incoming.descriptors.size());
    ends.input = std::move(incoming.descriptors[0]);
    ends.output = std::move(incoming.descriptors[1]);
    ends.error = std::move(incoming.descriptors[2]);
    return ends;
}

// The one that was asked for, or the container's own.
Result<ContainerUser> tenant_user(Root const& root, ExecRequest const& request, Json const& spec) {
    auto const* const process = spec.find("process");
    auto const* const own = process ? process->find("user") : nullptr;
    auto const id_of = [&](std::string_view key) -> Result<std::int64_t> { return own ? own->integer_or(key, 0) : Result<std::int64_t>(0); };
    auto found = find_user(root, request.user ? *request.user : fmt::format("{}", TRY(id_of("uid"))));
    // Docker's 126: nothing can be executed as a user whom the container does not have. ENOENT would be the command's.
    if (!found) return Error(EACCES, found.error().text());
    auto user = std::move(found).value();
    if (request.user) return user;
    user.gid = static_cast<gid_t>(TRY(id_of("gid")));
    user.additional_groups.clear();
    auto const* const groups = own ? own->find("additionalGids") : nullptr;
    for (auto const& group : groups && groups->find_array() ? *groups->find_array() : Json::Array{})
        if (auto const* const id = group.find_integer()) user.additional_groups.push_back(static_cast<gid_t>(*id));
    return user;
}

void add_home(std::vector<std::string>& environment, std::string const& home) {
    for (auto const& variable : environment)
        if (variable.starts_with("HOME=")) return;
    environment.push_back("HOME=" + home);
}

constexpr std::size_t most_makers = 64; // at a time

struct MakerOrder {
    Runtime& runtime;
    FdRef document; // of the container's request
    ExecRequest& request;
    ContainerEnds const& ends;
};

// A description of its own: this process and its makers read the document at the same time.
Result<Request> read_again(FdRef document) {
    auto const own = TRY(open_again(document, O_RDONLY));
    return read_request(own);
}

Result<Root> open_root_of(pid_t init) { return Root::open(TRY(HostPath::parse(fmt::format("/proc/{}/root", init)))).while_doing("look into the container"); }

Result<Tenant> make_tenant(MakerOrder const& order) {
    // That these are missing, or not ours to look at, is not said of the command.
    auto read = read_again(order.document);
    if (!read) return oci::without_command_codes(std::move(read).error());
    auto const container = std::move(read).value();
    auto opened = open_root_of(order.runtime.init().pid());
    if (!opened) return opened.error().is(ENOENT) || opened.error().is(ESRCH) ? not_running() : oci::without_command_codes(std::move(opened).error());
    auto const user = TRY(tenant_user(opened.value(), order.request, container.spec));
    add_home(order.request.environment, user.home);
    return order.runtime.exec(container, order.request, user, order.ends);
}

// Situation:    a copy of the monitor, with all its descriptors.
// Must:         close them, since a connection must not stay open because this holds it too; say the tenant's pid, with its
//               terminal, or a Report of what failed; then wait to be let go.
int run_maker(MakerOrder const& order, Channel const& channel) noexcept {
    auto made = [&]() -> Result<Tenant> {
        TRY(set_parent_death_signal(SIGKILL));
        TRY(set_subreaper()); // of tenants that another runtime leaves
        TRY(close_others({order.document, order.ends.input, order.ends.output, order.ends.error, channel.fd()}));
        return make_tenant(order);
    }();
    if (!made) {
        (void)send_report(channel, std::move(made).error()).ok(); // the monitor is gone, and we with it, ignoring
        return 1;
    }
    pid_t const pid = made->process.release();
    int const console[] = {made->console.number()};
    auto const told = channel.send({reinterpret_cast<char const*>(&pid), sizeof pid}, {console, made->console.is_open() ? 1u : 0u});
    if (told) (void)channel.receive().ok(); // ends when the monitor has found the tenant, ignoring
    return 0;
}

// EAGAIN while it has said nothing.
Result<Tenant> take_tenant(Channel const& channel) {
    auto message = TRY(channel.receive());
    if (!message) return Error::of(ECHILD, "the process that makes the container's new process ended early");
    pid_t pid = 0;
    if (message->bytes.size() != sizeof pid) {
        TRY(oci::read_report(message->bytes));
        return Error::of(EPROTO, "the process that makes the container's new process said something that is not in the protocol");
    }
    std::memcpy(&pid, message->bytes.data(), sizeof pid);
    Tenant tenant;
    tenant.process = TRY(adopt_process(pid));
    if (!message->descriptors.empty()) tenant.console = std::move(message->descriptors.front());
    return tenant;
}

} // namespace

Result<void> Monitor::exec(ClientPtr const& client, Incoming& incoming) {
    auto request = TRY(parse_exec_request(TRY(Json::parse(incoming.payload).while_doing("read the exec request"))));
    if (phase_ != Phase::running) return not_running();
    if (makers_.size() == most_makers)
        return Error::of(EBUSY, "{} commands are being started in the container already, and none comes to run; is it stopping its processes?", most_makers);
    auto const ends = TRY(take_tenant_streams(request, incoming));
    auto [ours, theirs] = TRY(Channel::make_pair());
    TRY(set_nonblocking(ours.fd()));
    auto process = TRY(clone_process({}, [&, &theirs = theirs] { return run_maker({*runtime_, document_, request, ends}, theirs); }));
    auto const pid = process.pid();
    TRY(loop_.watch(ours.fd(), EPOLLIN, [this, pid](std::uint32_t) { maker_spoke(pid); }));
    makers_.emplace(pid, Maker{std::move(process), std::move(ours), client, !request.detached && !request.terminal});
    return {};
}

void Monitor::maker_spoke(pid_t pid) { take_over(let_go(pid), std::nullopt); }

void Monitor::take_over(Maker const& maker, std::optional<Error> const& why_silent) {
    auto const client = maker.client.lock();
    auto tenant = take_tenant(maker.channel);
    auto const told = tenant ? (client ? tell_of_tenant(client, tenant.value()) : Result<void>()) : Result<void>(why_silent.value_or(tenant.error()));
    if (told) tenants_.push_back({std::move(tenant->process), client, maker.hangs_up});
    else if (client) clients_.post_failure(client, told.error(), exit_code_of_failure(told.error()));
}

// It ends by itself or is killed, and is reaped with those that nobody knows: one that waits for a file of the container's does not
// end before it has that.
Monitor::Maker Monitor::let_go(pid_t pid) {
    auto maker = std::move(makers_.extract(pid).mapped());
    loop_.forget(maker.channel.fd());
    maker.process.release();
    return maker;
}

Result<void> Monitor::tell_of_tenant(ClientPtr const& client, Tenant const& tenant) {
    Json payload;
    payload.set("pid", tenant.process.pid());
    if (tenant.console.is_open()) return clients_.post_with_descriptor(client, Type::exec_started, payload.dump(), tenant.console);
    clients_.post(client, Type::exec_started, payload.dump());
    return {};
}

void Monitor::dismiss_makers(Client const* whose) {
    std::vector<pid_t> dismissed;
    for (auto const& [pid, maker] : makers_)
        if (!whose || maker.client.lock().get() == whose) dismissed.push_back(pid);
    for (auto const pid : dismissed) {
        kill_with_children(makers_.at(pid).process);
        // It may have said which it is a moment ago; then its end is told like any other's.
        take_over(let_go(pid), not_running());
    }
}

} // namespace bolt::monitor
