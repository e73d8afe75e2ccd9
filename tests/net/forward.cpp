// Publishes ports and attaches pasta as a container's monitor does, for the tests of this folder to drive:
//
//   forward [--pasta] [--same-namespace] [--user HOLDERS] [--udp-idle MS] [--connections N] [-p SPEC]...
//
// Says "port ADDRESS:HOST->CONTAINER/PROTOCOL" for each and "ready", or its error on stderr with exit status 1. Then answers
// lines of its standard input: "active" (how many connections and flows live), "memory" (KiB that it wrote to). Ends with its input.
#include <cstdio>
#include <cstdlib>

#include <poll.h>
#include <unistd.h>

#include "base/text.h"
#include "net/forwarder.h"
#include "net/network.h"
#include "sys/file.h"
#include "sys/user_namespace.h"

namespace {

using namespace bolt;

struct Wishes {
    bool pasta = false, same_namespace = false;
    std::optional<HostPath> holders;
    net::ForwarderLimits limits;
    std::vector<net::PublishedPort> ports;
};

Result<Wishes> parse(std::span<char*> arguments) {
    Wishes wishes;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        std::string_view const word = arguments[i];
        if (word == "--pasta") {
            wishes.pasta = true;
            continue;
        }
        if (word == "--same-namespace") {
            wishes.same_namespace = true;
            continue;
        }
        if (++i == arguments.size()) return Error::of(EINVAL, "{} needs a value", word);
        std::string_view const value = arguments[i];
        if (word == "--user")
            wishes.holders = TRY(HostPath::parse(value));
        else if (word == "--udp-idle")
            wishes.limits.udp_idle = std::chrono::milliseconds(TRY(parse_integer(value)));
        else if (word == "--connections")
            wishes.limits.connections = TRY(parse_unsigned(value));
        else if (word == "-p")
            for (auto& port : TRY(net::parse_published(value))) wishes.ports.push_back(std::move(port));
        else
            return Error::of(EINVAL, "unknown option {}", word);
    }
    return wishes;
}

void say(std::string const& line) {
    std::puts(line.c_str());
    std::fflush(stdout);
}

Result<std::string> private_memory() {
    std::uint64_t sum = 0;
    auto const rollup = TRY(read_file(HostPath() / "proc/self/smaps_rollup"));
    for (auto const line : split(rollup, '\n'))
        if (line.starts_with("Private_Dirty:")) {
            auto const number = trim(line.substr(line.find(':') + 1));
            sum += TRY(parse_unsigned(number.substr(0, number.find(' '))));
        }
    return fmt::format("memory {}", sum);
}

Result<bool> answer(net::Forwarder const& forwarder) {
    std::array<char, 256> buffer;
    auto const length = TRY(read_some(FdRef(0), buffer));
    if (length == 0) return false;
    for (auto const word : split(trim({buffer.data(), length}), '\n')) {
        if (word == "active") say(fmt::format("active {}", forwarder.active()));
        if (word == "memory") say(TRY(private_memory()));
    }
    return true;
}

Result<void> serve(net::Forwarder& forwarder, std::optional<net::Pasta>& pasta) {
    for (;;) {
        pollfd watched[] = {{0, POLLIN, 0}, {forwarder.poll_fd().number(), POLLIN, 0}, {pasta ? pasta->poll_fd().number() : -1, POLLIN, 0}};
        if (poll(watched, 3, -1) < 0) return Error::from_errno("poll");
        if (watched[1].revents != 0) TRY(forwarder.handle_events());
        if (watched[2].revents != 0) {
            say(fmt::format("end {}", pasta->find_end().value_or("none")));
            pasta.reset();
        }
        if (watched[0].revents != 0 && !TRY(answer(forwarder))) return {};
    }
}

Result<void> run(std::span<char*> arguments) {
    auto wishes = TRY(parse(arguments));
    std::optional<net::Pasta> pasta;
    if (wishes.pasta) pasta.emplace(TRY(net::Pasta::prepare()));
    if (wishes.holders) TRY(enter_user_namespace_of_caller(*wishes.holders));
    auto forwarder = TRY(net::Forwarder::listen(std::move(wishes.ports), wishes.limits));
    if (!wishes.same_namespace) TRY(net::make_network_namespace());
    if (pasta) TRY(pasta->begin_attaching(getpid()));
    if (pasta) TRY(pasta->finish_attaching());
    for (auto const& port : forwarder.ports()) say(fmt::format("port {}", net::format_published(port)));
    if (auto const address = TRY(net::find_own_address())) say(fmt::format("address {}", *address));
    say("ready");
    return serve(forwarder, pasta);
}

} // namespace

int main(int argc, char** argv) {
    auto const outcome = run(std::span(argv, static_cast<std::size_t>(argc)));
    if (outcome) return 0;
    std::fprintf(stderr, "%s\n", outcome.error().text().c_str());
    return 1;
}
