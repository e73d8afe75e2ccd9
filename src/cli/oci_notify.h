// A container that tells the service manager above bolt-oci that it is ready: sd_notify(3), NOTIFY_SOCKET.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "spec/runtime.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt::cli {

// Gives the container a socket of its own, below its state directory, when NOTIFY_SOCKET is set.
Result<void> offer_notification(HostPath const& container_directory, spec::Runtime& spec);
// What a checkpoint and a restore are to know of that: the mount of the socket's directory.
bool has_notification(HostPath const& container_directory);
Result<void> add_notification_mount(HostPath const& container_directory, spec::Runtime& spec);

// Passes on what the container says there.
class NotifyRelay {
public:
    // None when the container has no such socket, or nobody is to be told.
    static Result<std::optional<NotifyRelay>> open(HostPath const& container_directory);

    FdRef fd() const { return socket_; } // readable when there is something to pass on
    // True when the container is ready. What is passed on leaves out which process it is, unless `main_pid` says that.
    Result<bool> pass_on(std::optional<pid_t> main_pid) const;
    // Until the container is ready, or its init has ended. For who does not stay: afterwards nothing is passed on.
    Result<void> pass_on_until_ready(FdRef init, pid_t main_pid) const;

private:
    NotifyRelay(UniqueFd socket, std::string manager) : socket_(std::move(socket)), manager_(std::move(manager)) {}
    UniqueFd socket_;
    std::string manager_; // the socket's address, "@…" for an abstract one
};

} // namespace bolt::cli
