// What a container stands in: the monitor's own namespaces, the network's way out and in. Made before the container, taken
// down after it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/request.h"
#include "net/forwarder.h"
#include "net/network.h"
#include "sys/user_namespace.h"

namespace bolt::monitor {

// Situation:    just exec'd by somebody who may end at any time, with that one's terminal, session and directory.
// Must:         be out of reach of its terminal and signals; adopt what the container's runtime leaves behind.
// Must not yet: write anything.
Result<void> leave_the_caller();

class Surroundings {
public:
    // Situation:    the caller's user and network namespaces.
    // Must:         start the keeper of pasta and bind the published ports there, then enter the user's namespace, then the
    //               network's; afterwards there is no way back.
    //               The way out may not be there yet.
    static Result<Surroundings> enter(Request const& request);
    // Waits for the way out: before the container starts.
    Result<void> complete();

    net::Forwarder* forwarder() { return forwarder_ ? &*forwarder_ : nullptr; }
    net::Pasta* pasta() { return pasta_ ? &*pasta_ : nullptr; }
    std::vector<std::string> const& warnings() const { return warnings_; }
    std::vector<std::string> published() const; // for lists, with the addresses and numbers really used

    // Ports are free when it returns, and pasta has been told to end; the destructor waits for that. A second call does nothing.
    void leave();

private:
    std::optional<net::Pasta> pasta_;
    std::optional<net::Forwarder> forwarder_;
    std::optional<UserNamespaceHolder> holder_;
    std::vector<std::string> warnings_;
};

} // namespace bolt::monitor
