#include "sys/channel.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

#include "sys/file.h"

namespace bolt {

Result<std::pair<Channel, Channel>> Channel::make_pair() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return Error::from_errno("make a socket pair");
    return std::pair(Channel(UniqueFd(ends[0])), Channel(UniqueFd(ends[1])));
}

Result<void> Channel::send(std::string_view bytes, std::span<int const> descriptors) const {
    if (bytes.size() > longest_message || descriptors.size() > most_descriptors) return Error::from_code(EMSGSIZE, "send a message");
    iovec part{const_cast<char*>(bytes.data()), bytes.size()}; // sendmsg does not write to it
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_descriptors)]{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        auto* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    }
    while (sendmsg(socket_.number(), &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return Error::from_errno("send a message");
    return {};
}

namespace {

// The next message's length, without taking it: most are a few bytes, and a buffer for the longest costs its pages.
Result<std::size_t> wait_for_message(FdRef socket) {
    for (;;) {
        auto const length = recv(socket.number(), nullptr, 0, MSG_PEEK | MSG_TRUNC);
        if (length >= 0) return static_cast<std::size_t>(length);
        // A peer that ended with a message of ours unread: told once, and what it said before that can still be read.
        if (errno != EINTR && errno != ECONNRESET) return Error::from_errno("receive a message");
    }
}

} // namespace

Result<std::optional<Channel::Message>> Channel::receive() const {
    Message received;
    received.bytes.resize(TRY(wait_for_message(socket_)));
    iovec part{received.bytes.data(), received.bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_descriptors)];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t length{};
    while ((length = recvmsg(socket_.number(), &message, MSG_CMSG_CLOEXEC)) < 0) {
        if (errno != EINTR && errno != ECONNRESET) return Error::from_errno("receive a message");
    }
    for (auto* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        auto const count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd{};
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            received.descriptors.emplace_back(fd);
        }
    }
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Error::from_code(EMSGSIZE, "receive a message");
    if (length == 0 && received.descriptors.empty()) return std::optional<Message>();
    received.bytes.resize(static_cast<std::size_t>(length));
    received.bytes.shrink_to_fit();
    return std::optional(std::move(received));
}

namespace {
// Begins with what no other message does.
struct Report {
    std::uint64_t mark;
    int failed, code; // errno space
    char text[2048];
};
constexpr std::uint64_t report_mark = 0x74726f7065720a00; // not text
constexpr std::size_t report_head = offsetof(Report, text);
} // namespace

Result<void> send_report(Channel const& channel, Result<void> const& outcome) {
    Report report; // NOLINT(cppcoreguidelines-pro-type-member-init): only what is written is sent
    report.mark = report_mark;
    report.failed = outcome ? 0 : 1;
    report.code = outcome ? 0 : outcome.error().code();
    std::size_t length = report_head;
    if (!outcome) length += outcome.error().text().copy(report.text, sizeof report.text);
    std::string_view const bytes{reinterpret_cast<char const*>(&report), length};
    auto sent = channel.send(bytes);
    // The container's filter may have taken sendmsg(2) away by now.
    return sent || sent.error().is(EPIPE) ? std::move(sent) : write_all(channel.fd(), bytes);
}

std::optional<Result<void>> parse_report(std::string_view message) {
    Report report{};
    if (message.size() < report_head) return std::nullopt;
    std::memcpy(&report, message.data(), report_head);
    if (report.mark != report_mark) return std::nullopt;
    if (report.failed == 0) return Result<void>();
    return Result<void>(Error(report.code, std::string(message.substr(report_head))));
}

Result<void> receive_report(Channel const& channel, Process& child, std::string_view doing) {
    auto const message = TRY(channel.receive().while_doing("wait for a child to {}", doing));
    if (!message) {
        auto const ended = TRY(child.wait());
        return Error::of(ECHILD, "the child {} while it was to {}", ended.text(), doing);
    }
    auto const reported = parse_report(message->bytes);
    return reported ? *reported : Error::of(EPROTO, "a malformed report from a child that was to {}", doing);
}

int run_child(Channel const& channel, std::function<Result<void>()> const& work) noexcept {
    auto const outcome = work();
    // A parent that is gone cannot be told; it sees the exit status, if anybody does.
    bool const told = send_report(channel, outcome).ok();
    return outcome.ok() && told ? 0 : 1;
}

} // namespace bolt
