#include "sys/network_namespace.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

namespace bolt {

Result<void> enter_new_network_namespace() {
    if (unshare(CLONE_NEWNET) == 0) return {};
    return Error::from_errno("make a network namespace{}", errno == ENOSPC ? " (see the sysctl user.max_net_namespaces)" : "");
}

Result<void> bring_loopback_up() {
    UniqueFd const any(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)); // interface requests go to whatever socket
    if (!any.is_open()) return Error::from_errno("make a socket");
    ifreq request{.ifr_ifrn = {"lo"}, .ifr_ifru = {}};
    if (ioctl(any.number(), SIOCGIFFLAGS, &request) < 0) return Error::from_errno("read the state of interface 'lo'");
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    if (ioctl(any.number(), SIOCSIFFLAGS, &request) < 0) return Error::from_errno("bring interface 'lo' up");
    return {};
}

Result<std::vector<IpAddress>> own_addresses() {
    ifaddrs* first = nullptr;
    if (getifaddrs(&first) < 0) return Error::from_errno("list the network interfaces' addresses");
    std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> const owner(first, &freeifaddrs);
    std::vector<IpAddress> addresses;
    for (auto const* entry = first; entry != nullptr; entry = entry->ifa_next)
        if ((entry->ifa_flags & IFF_UP) != 0)
            if (auto const address = IpAddress::find_in(entry->ifa_addr)) addresses.push_back(*address);
    return addresses;
}

} // namespace bolt
