#include "sys/network_interface.h"

#include <cstring>

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "sys/channel.h"
#include "sys/namespaces.h"
#include "sys/process.h"

namespace bolt {

namespace {

// A request that grows by attributes. Its length is the header's.
class Request {
public:
    template <typename Body>
    Request(std::uint16_t type, std::uint16_t flags, Body const& body) : bytes_(NLMSG_SPACE(sizeof body), '\0') {
        std::memcpy(bytes_.data() + NLMSG_HDRLEN, &body, sizeof body);
        nlmsghdr header{};
        header.nlmsg_type = type;
        header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
        std::memcpy(bytes_.data(), &header, sizeof header);
    }
    void add(std::uint16_t type, std::string_view value) {
        rtattr const head{static_cast<unsigned short>(RTA_LENGTH(value.size())), type};
        bytes_.append(reinterpret_cast<char const*>(&head), sizeof head);
        bytes_.append(value);
        bytes_.resize(NLMSG_ALIGN(bytes_.size()));
    }
    void add(std::uint16_t type, std::uint32_t value) { add(type, {reinterpret_cast<char const*>(&value), sizeof value}); }
    std::string const& finished() {
        auto const length = static_cast<std::uint32_t>(bytes_.size());
        std::memcpy(bytes_.data(), &length, sizeof length); // nlmsg_len comes first
        return bytes_;
    }

private:
    std::string bytes_;
};

Result<UniqueFd> open_netlink() {
    UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!fd.is_open()) return Error::from_errno("open a netlink socket");
    return fd;
}

// Every message of the answer but the last, which is the end or an error.
template <typename Take>
Result<void> converse(FdRef netlink, Request& request, Take const& take) {
    auto const& bytes = request.finished();
    if (send(netlink.number(), bytes.data(), bytes.size(), 0) < 0) return Error::from_errno("ask the kernel by netlink");
    alignas(nlmsghdr) char answer[32 * 1024];
    for (;;) {
        auto const length = recv(netlink.number(), answer, sizeof answer, 0);
        if (length < 0 && errno == EINTR) continue;
        if (length <= 0) return Error::from_errno("hear the kernel by netlink");
        auto left = static_cast<unsigned>(length);
        for (auto const* message = reinterpret_cast<nlmsghdr const*>(answer); NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type == NLMSG_DONE) return {};
            if (message->nlmsg_type == NLMSG_ERROR) {
                int const code = -static_cast<nlmsgerr const*>(NLMSG_DATA(message))->error;
                return code == 0 ? Result<void>() : Result<void>(Error::from_code(code, "the kernel"));
            }
            take(*message);
        }
    }
}
Result<void> ask(FdRef netlink, Request& request) {
    return converse(netlink, request, [](nlmsghdr const&) {});
}

struct LastingAddress {
    ifaddrmsg head;
    std::vector<std::pair<std::uint16_t, std::string>> attributes;
};

// None for one that goes with its interface: link-local, or given for a time.
std::optional<LastingAddress> find_lasting_address(nlmsghdr const& message, unsigned index) {
    LastingAddress address{};
    std::memcpy(&address.head, NLMSG_DATA(&message), sizeof address.head);
    if (message.nlmsg_type != RTM_NEWADDR || address.head.ifa_index != index || address.head.ifa_scope != RT_SCOPE_UNIVERSE) return std::nullopt;
    auto length = IFA_PAYLOAD(&message);
    for (auto const* attribute = IFA_RTA(static_cast<ifaddrmsg const*>(NLMSG_DATA(&message))); RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length)) {
        std::string_view const value(static_cast<char const*>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute));
        if (attribute->rta_type == IFA_LOCAL || attribute->rta_type == IFA_ADDRESS || attribute->rta_type == IFA_BROADCAST) address.attributes.emplace_back(attribute->rta_type, value);
    }
    return (address.head.ifa_flags & IFA_F_PERMANENT) != 0 ? std::optional(std::move(address)) : std::nullopt;
}

Result<std::vector<LastingAddress>> lasting_addresses(FdRef netlink, unsigned index) {
    std::vector<LastingAddress> addresses;
    Request request(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
    TRY(converse(netlink, request, [&](nlmsghdr const& message) {
        if (auto address = find_lasting_address(message, index)) addresses.push_back(std::move(*address));
    }));
    return addresses;
}

// Before the move: afterwards the kernel would leave the interface there under its old name, and end it with the namespace. "eth%d" is
// the first of eth0, eth1, … that is free.
Result<std::string> find_free(FdRef network_namespace, std::string const& name) {
    TRY(join_namespace(network_namespace, namespace_flag::network));
    auto const is_free = [](std::string const& candidate) { return if_nametoindex(candidate.c_str()) == 0; };
    auto const number = name.find("%d");
    if (number == name.npos) return is_free(name) ? Result<std::string>(name) : Error::of(EEXIST, "there is a network interface '{}' already", name);
    constexpr int most = 8 * 4096; // the kernel's own limit
    for (int next = 0; next < most; ++next)
        if (auto candidate = fmt::format("{}{}{}", name.substr(0, number), next, name.substr(number + 2)); is_free(candidate)) return candidate;
    return Error::of(EEXIST, "every name '{}' is taken", name);
}

// Situation:    a child in the other namespace.
// Must:         give the interface its addresses, and bring it up.
Result<void> settle(std::string const& name, std::vector<LastingAddress> const& addresses) {
    auto const netlink = TRY(open_netlink());
    auto const index = if_nametoindex(name.c_str());
    if (index == 0) return Error::from_errno("find interface '{}' where it was moved to", name);
    ifinfomsg up{};
    up.ifi_index = static_cast<int>(index);
    up.ifi_flags = up.ifi_change = IFF_UP;
    Request request(RTM_NEWLINK, NLM_F_ACK, up);
    TRY(ask(netlink, request).while_doing("bring interface '{}' up", name));
    for (auto const& address : addresses) {
        auto head = address.head;
        head.ifa_index = index;
        Request adding(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, head);
        for (auto const& [type, value] : address.attributes) adding.add(type, value);
        TRY(ask(netlink, adding).while_doing("give interface '{}' its address", name));
    }
    return {};
}

} // namespace

Result<void> move_interface(std::string const& name, FdRef network_namespace, std::string const& wanted) {
    auto const netlink = TRY(open_netlink());
    auto const index = if_nametoindex(name.c_str());
    if (index == 0) return Error::of(ENODEV, "there is no network interface '{}'", name);
    auto const addresses = TRY(lasting_addresses(netlink, index));
    auto [ours, theirs] = TRY(Channel::make_pair());
    auto settler = TRY(clone_process({}, [&, &ours = ours, &theirs = theirs] {
        ours.close();
        auto const free = find_free(network_namespace, wanted);
        if (!send_report(theirs, free ? Result<void>() : free.error()) || !free || !theirs.send(free.value())) return 1;
        auto const word = theirs.receive();
        return word && word.value() ? run_child(theirs, [&] { return settle(free.value(), addresses); }) : 1;
    }));
    theirs.close();
    TRY(receive_report(ours, settler, "look at a network namespace").while_doing("move network interface '{}' as '{}'", name, wanted));
    auto const found = TRY(ours.receive());
    if (!found) return Error::of(ECHILD, "the process that looks at a network namespace ended early");
    auto const& new_name = found->bytes;
    ifinfomsg which{};
    which.ifi_index = static_cast<int>(index);
    Request request(RTM_NEWLINK, NLM_F_ACK, which);
    request.add(IFLA_NET_NS_FD, static_cast<std::uint32_t>(network_namespace.number()));
    request.add(IFLA_IFNAME, std::string_view(new_name.c_str(), new_name.size() + 1));
    TRY(ask(netlink, request).while_doing("move network interface '{}' as '{}'", name, new_name));
    TRY(ours.send("settle"));
    TRY(receive_report(ours, settler, "settle a network interface"));
    TRY(settler.wait());
    return {};
}

} // namespace bolt
