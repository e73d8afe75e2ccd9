// Published ports at work: listens in one network namespace and relays into another, in one process, without privilege.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/result.h"
#include "net/port.h"
#include "sys/fd.h"

namespace bolt::net {

struct ForwarderLimits {
    // TCP connections and UDP flows at the same time; a connection costs two descriptors, a flow one. 0: as many as the
    // process's soft limit of open files (RLIMIT_NOFILE) carries when 64 are left to the caller. At the limit new
    // connections wait in the listen queue, and a new flow ends the one that was silent the longest.
    std::size_t connections = 0;
    // A UDP flow (one client's address and port) ends when it was silent for so long: docker's figure.
    std::chrono::milliseconds udp_idle = std::chrono::seconds(90);
};

// Listeners belong to the network namespace in which listen() was called; connections are made in the one where the
// process is when a client comes. No threads; one epoll descriptor to put into the caller's own loop.
//
// Where a client is led: to the namespace's own address (the first global one of the client's family, then of the other
// family when there is none or it refuses), as podman's rootlessport does, and never to 127.0.0.1 as long as there is
// another address: a server that trusts its loopback must not mistake the world for it (CVE-2021-20199). So a server that
// listens on 127.0.0.1 alone stays private to the container, as with docker. A namespace that has only `lo` is served
// through loopback.
//
// What the server sees: the connection comes from its own address; the client's address is lost. A refused connection
// reaches the client as a reset after it was accepted. Half-closed connections stay half open.
//
// Memory: nothing a connection but its record; 64 KiB more only while its receiver is slower than its sender.
class Forwarder {
public:
    // Binds all, or none. EADDRINUSE names the process that holds the port and the next free one; EACCES names
    // ip_unprivileged_port_start; EADDRNOTAVAIL the address that is not this host's. A host without IPv6 is served on IPv4.
    static Result<Forwarder> listen(std::vector<PublishedPort> ports, ForwarderLimits limits = {});
    Forwarder(Forwarder&&) noexcept;
    Forwarder& operator=(Forwarder&&) noexcept;
    ~Forwarder();

    // As given, with the numbers that the kernel chose.
    std::vector<PublishedPort> const& ports() const;
    // One an address: "" of both families is 0.0.0.0 and, where the host has it, ::.
    std::vector<PublishedPort> const& bound() const;
    // Readable: call handle_events().
    FdRef poll_fd() const;
    // Does what is ready and returns; never blocks, and works a bounded time. What goes wrong with one connection ends that
    // connection; an error here means that the forwarder itself cannot go on.
    Result<void> handle_events();
    // Connections and flows that live now.
    std::size_t active() const;

private:
    class Loop;
    explicit Forwarder(std::unique_ptr<Loop> loop);
    std::unique_ptr<Loop> loop_;
};

} // namespace bolt::net
