#include "net/network.h"

#include <algorithm>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"

namespace bolt::net {

namespace {

// How the keeper's messages begin.
constexpr std::string_view go = "go", ready = "ready ", failed = "failed ", ended = "ended ";
constexpr std::size_t longest_complaint = 2048;

// What pasta says, without what it says about itself: syslog is mostly missing in containers and test machines.
std::string essence_of(std::string_view complaint) {
    std::vector<std::string> lines;
    for (auto const line : split(complaint, '\n'))
        if (!trim(line).empty() && !line.starts_with("Failed to send ") && !line.starts_with("Don't run as root")) lines.emplace_back(trim(line));
    return lines.empty() ? "it gave no reason" : join(lines, "; ");
}

std::vector<std::string> pasta_arguments(HostPath const& program, bool joins_user_namespace) {
    std::vector<std::string> arguments{
        program.text(), "--foreground", "--quiet", "--config-net",
        // By default it would forward every port that anybody listens on, in all four directions.
        "-t", "none", "-u", "none", "-T", "none", "-U", "none",
        // The gateway's address would otherwise lead to services on the host's loopback.
        "--no-map-gw", "--dns-forward", std::string(dns_forward_address),
        // The namespaces come as standard input and output: newer versions close every other descriptor, and paths
        // of /proc/PID/ns are refused to a process that has dropped its capabilities. There is no name to watch for its end.
        "--netns", "/proc/self/fd/0", "--no-netns-quit",
        // Written when all is set up: here, into the pipe that also takes its complaints.
        "--pid", "/proc/self/fd/2"};
    if (joins_user_namespace)
        arguments.insert(arguments.end(), {"--userns", "/proc/self/fd/1"});
    else
        arguments.emplace_back("--netns-only");
    // Root, who would otherwise become nobody and could neither join the namespaces nor write to the pipe. It drops all
    // capabilities but those that it needs, and filters its system calls.
    if (geteuid() == 0) arguments.insert(arguments.end(), {"--runas", "0:0"});
    return arguments;
}

// Situation:    the host's namespaces, forked from the monitor before it left them; single thread; knows nothing else.
// Must:         start pasta when told, tell when it is ready or why not, and kill it when the channel hangs up.
// Must not:     end while pasta runs.
class Keeper {
public:
    Keeper(Channel channel, HostPath program) : channel_(std::move(channel)), program_(std::move(program)) {}
    int run();

private:
    Result<void> start(Channel::Message const& word);
    bool wait_for_events(); // false: it is over
    bool read_complaints(); // false: pasta has closed its end
    void tell_end();

    Channel channel_;
    HostPath program_;
    Process pasta_;
    UniqueFd complaints_;
    std::string said_;
    bool is_ready_ = false;
};

Result<void> Keeper::start(Channel::Message const& word) {
    if (word.bytes != go || word.descriptors.size() != 2) return Error::of(EPROTO, "a malformed word to pasta's keeper");
    auto const& user = word.descriptors[0];
    auto const& network = word.descriptors[1];
    auto const own_user = TRY(stat_file(HostPath() / "proc/self/ns/user"));
    auto const target_user = TRY(stat_fd(user));
    auto pipe = TRY(make_pipe());
    SpawnOptions options;
    options.arguments = pasta_arguments(program_, own_user.st_ino != target_user.st_ino);
    options.input = network;
    options.output = user;
    options.error = pipe.write_end;
    options.working_directory = HostPath();
    options.new_session = true; // a terminal's ^C is for the container, not for this
    pasta_ = TRY(spawn(program_, options));
    TRY(set_nonblocking(pipe.read_end));
    complaints_ = std::move(pipe.read_end);
    return {};
}

bool Keeper::read_complaints() {
    for (;;) {
        std::array<char, 512> buffer;
        auto const length = read_some(complaints_, buffer);
        if (!length) return length.error().is(EAGAIN);
        if (length.value() == 0) return false;
        if (said_.size() < longest_complaint) said_.append(buffer.data(), length.value());
        auto const own_pid = fmt::format("{}\n", pasta_.pid());
        if (is_ready_ || !said_.ends_with(own_pid)) continue;
        said_.clear();
        is_ready_ = true;
        int const pidfd = pasta_.pidfd().number();
        auto const word = fmt::format("{}{}", ready, pasta_.pid());
        auto const told = pasta_.pidfd().is_open() ? channel_.send(word, std::span(&pidfd, 1)) : channel_.send(word);
        if (!told) return true; // the channel has hung up, which the loop sees next
    }
}

void Keeper::tell_end() {
    auto const status = pasta_.wait();
    auto const text = fmt::format("{}{}: {}", is_ready_ ? ended : failed, status ? status.value().text() : "ended", essence_of(said_));
    (void)channel_.send(text).ok(); // nobody may be left to hear it
}

bool Keeper::wait_for_events() {
    pollfd watched[] = {{channel_.fd().number(), POLLIN, 0}, {complaints_.number(), POLLIN, 0}};
    if (poll(watched, 2, -1) < 0) return errno == EINTR;
    // Nothing more is ever said to the keeper: readable means closed.
    if (watched[0].revents != 0) return false;
    if (watched[1].revents == 0 || read_complaints()) return true;
    tell_end();
    return false;
}

int Keeper::run() {
    auto const word = channel_.receive();
    if (!word || !word.value()) return 0; // never needed
    auto const started = start(*word.value());
    if (!started) {
        (void)channel_.send(fmt::format("{}{}", failed, started.error().text())).ok();
        return 1;
    }
    while (wait_for_events()) {
    }
    return 0; // and pasta_, if it still runs, is killed and reaped by its destructor in keep()
}

// The keeper's whole life after the fork.
int keep(Channel channel, HostPath const& program) {
    set_process_name("bolt-pasta");
    setsid(); // what a terminal sends to the caller's process group must not end the keeper before pasta
    // Descriptors of the caller must not be kept open by us: listeners, terminals, pipes that somebody waits on.
    auto const null = open_null();
    auto const own = duplicate(channel.fd());
    channel.close();
    if (!null || !own) return 1;
    for (int number = 0; number < 3; ++number)
        if (!duplicate_onto(null.value(), number)) return 1;
    if (!duplicate_onto(own.value(), 3) || !close_from(4, RangeAction::close) || !set_on_exec(FdRef(3), OnExec::close)) return 1;
    return Keeper(Channel(UniqueFd(3)), program).run();
}

} // namespace

Result<Pasta> Pasta::prepare() {
    auto const program = find_program("pasta");
    if (!program) return Error::of(ENOENT, "pasta is not installed; install the package 'passt', or use --network none or host");
    auto ends = TRY(Channel::make_pair());
    auto keeper = TRY(clone_process({}, [&] { return keep(std::move(ends.second), program.value()); }).while_doing("start pasta's keeper"));
    return Pasta(std::move(ends.first), std::move(keeper));
}

Result<void> Pasta::begin_attaching(pid_t owner_of_namespaces) {
    auto const namespaces = HostPath() / "proc" / fmt::format("{}", owner_of_namespaces) / "ns";
    auto const user = TRY(open_file(namespaces / "user", O_RDONLY));
    auto const network = TRY(open_file(namespaces / "net", O_RDONLY));
    int const descriptors[] = {user.number(), network.number()};
    return channel_.send(go, descriptors).while_doing("start pasta");
}

Result<void> Pasta::finish_attaching() {
    auto answer = TRY(channel_.receive().while_doing("wait for pasta"));
    if (!answer) return Error::of(EPIPE, "pasta's keeper has ended; see whether it was killed for want of memory");
    if (answer->bytes.starts_with(ready)) {
        pid_ = static_cast<pid_t>(TRY(parse_unsigned(std::string_view(answer->bytes).substr(ready.size()))));
        if (!answer->descriptors.empty()) pasta_ = std::move(answer->descriptors[0]);
        return {};
    }
    auto const reason = std::string_view(answer->bytes).substr(std::min(failed.size(), answer->bytes.size()));
    if (reason.find("No external routable interface") != reason.npos || reason.find("External interface not usable") != reason.npos)
        return Error::of(ENETUNREACH, "pasta needs a default route and this host has none: connect the host first, or use --network none or host");
    return Error::of(ECHILD, "pasta could not attach the container's network: {}{}", reason,
                     reason.find("/dev/net/tun") != reason.npos ? " (is /dev/net/tun there, and open to users?)" : "");
}

std::optional<std::string> Pasta::find_end() {
    if (!channel_.fd().is_open()) return "pasta was ended";
    pollfd watched{channel_.fd().number(), POLLIN, 0};
    if (poll(&watched, 1, 0) <= 0) return std::nullopt;
    auto const message = channel_.receive();
    if (!message || !message.value()) return "pasta's keeper was killed; the container has no way out any more";
    return fmt::format("pasta {}; the container has no way out any more",
                       std::string_view(message.value()->bytes).substr(std::min(ended.size(), message.value()->bytes.size())));
}

void Pasta::begin_stopping() {
    // pasta first, so that it is gone even when the keeper is; the keeper reaps it. It may have ended already.
    if (pasta_.is_open()) (void)signal_pidfd(pasta_, SIGKILL).ok();
    pasta_.close();
    channel_.close();
}

void Pasta::stop() {
    begin_stopping();
    if (keeper_.is_running()) (void)keeper_.wait().ok(); // it ends when the channel does; somebody may have reaped it
}

} // namespace bolt::net
