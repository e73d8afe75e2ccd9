// Unix sockets by their path: unix(7). The path may be longer than the 107 bytes that a socket's address holds.
#pragma once

#include <string_view>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/path.h"

namespace bolt {

enum class UnixSocketKind { stream, messages }; // SOCK_STREAM, SOCK_SEQPACKET

// EADDRINUSE when something is there.
Result<UniqueFd> listen_at(HostPath const& path, UnixSocketKind kind, int backlog);
// ENOENT when nothing is there, ECONNREFUSED when nobody listens any more.
Result<UniqueFd> connect_to(HostPath const& path, UnixSocketKind kind);
// A SOCK_DGRAM socket in the file system, for read(2).
Result<UniqueFd> receive_at(HostPath const& path);
// One datagram to a path, or to an abstract address that is written with "@".
// A descriptor may go with it. Does not wait: EAGAIN when the receiver's queue is full.
Result<void> send_to(std::string_view address, std::string_view text, FdRef passed = FdRef(-1));
// All of a text over a connected stream, and its end, whoever else has the connection open. The descriptor goes with the first byte.
Result<void> send_last(FdRef connection, std::string_view text, FdRef passed);
// Waits for somebody unless the listener does not block: EAGAIN then.
Result<UniqueFd> accept_one(FdRef listener);

} // namespace bolt
