// Messages between processes that we start: a SEQPACKET socket pair, so that one send is one receive.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/process.h"

namespace bolt {

class Channel {
public:
    Channel() = default;
    explicit Channel(UniqueFd socket) : socket_(std::move(socket)) {}

    static Result<std::pair<Channel, Channel>> make_pair();

    static constexpr std::size_t longest_message = 64 * 1024;
    static constexpr std::size_t most_descriptors = 4;

    struct Message {
        std::string bytes;
        std::vector<UniqueFd> descriptors;
    };
    // EMSGSIZE over longest_message; EPIPE when the other end is closed (SIGPIPE is not raised).
    Result<void> send(std::string_view bytes, std::span<int const> descriptors = {}) const;
    // None when the other end is closed. Descriptors arrive close-on-exec.
    Result<std::optional<Message>> receive() const;

    FdRef fd() const { return socket_; }
    void close() { socket_.close(); }
    UniqueFd take() { return std::move(socket_); }

private:
    UniqueFd socket_;
};

// What a child says about a stage of its work: that it is done, or the error, its text cut after 2 KiB. By write(2)
// when the child is under a filter that forbids sendmsg(2).
Result<void> send_report(Channel const& channel, Result<void> const& outcome);
// The outcome that a message reports; none for any other message.
std::optional<Result<void>> parse_report(std::string_view message);
// Waits for a report. The child's failure is this call's error. Silence is one too: the child is reaped and the error
// says how it ended ("the child was killed by SIGABRT while {doing}").
Result<void> receive_report(Channel const& channel, Process& child, std::string_view doing);

// Runs `work` as a child's whole life: reports its outcome on the channel, and returns the exit status for _exit.
int run_child(Channel const& channel, std::function<Result<void>()> const& work) noexcept;

} // namespace bolt
