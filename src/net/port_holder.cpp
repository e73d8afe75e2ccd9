#include "net/listeners.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "sys/file.h"

namespace bolt::net {

namespace {

// As <net/tcp_states.h> of the kernel numbers it.
constexpr unsigned listening = 10;

template <typename Number>
std::optional<Number> find_number(std::string_view text, int base) {
    Number number{};
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// The kernel prints each 32-bit word of an address as a number, in the machine's byte order.
std::optional<IpAddress> find_address(std::string_view hex) {
    if (hex.size() != 8 && hex.size() != 32) return std::nullopt;
    std::array<std::uint32_t, 4> words{};
    for (std::size_t i = 0; i < hex.size() / 8; ++i) {
        auto const word = find_number<std::uint32_t>(hex.substr(i * 8, 8), 16);
        if (!word) return std::nullopt;
        words.at(i) = *word;
    }
    if (hex.size() == 8) return IpAddress(in_addr{words[0]});
    in6_addr address{};
    std::memcpy(&address, words.data(), sizeof address);
    return IpAddress(address);
}

// Whether a socket on `held` keeps others from binding `wanted`. An IPv6 wildcard usually takes IPv4 too.
bool overlaps(SocketAddress const& held, SocketAddress const& wanted) {
    if (held.port != wanted.port) return false;
    if (held.address.family() != wanted.address.family()) return held.address.is_any() && held.address.family() == IpFamily::v6;
    return held.address == wanted.address || held.address.is_any() || wanted.address.is_any();
}

std::optional<SocketRow> find_row(HostPath const& table, Protocol protocol, SocketAddress const& wanted) {
    auto const text = read_file(table);
    if (!text) return std::nullopt; // a kernel without IPv6 has no such table
    for (auto const line : split(text.value(), '\n')) {
        auto const row = parse_socket_row(line);
        if (row && overlaps(row->local, wanted) && (protocol == Protocol::udp || row->state == listening)) return row;
    }
    return std::nullopt;
}

bool holds_socket(HostPath const& process, std::string_view link) {
    auto const descriptors = list_directory(process / "fd");
    if (!descriptors) return false; // somebody else's, or gone
    return std::any_of(descriptors.value().begin(), descriptors.value().end(), [&](std::string const& name) {
        auto const target = read_symlink(process / "fd" / name);
        return target && target.value() == link;
    });
}

} // namespace

std::optional<SocketRow> parse_socket_row(std::string_view line) {
    std::vector<std::string_view> fields;
    for (auto const field : split(line, ' '))
        if (!field.empty()) fields.push_back(field);
    // sl, local, remote, state, tx:rx, tr:when, retransmits, uid, timeout, inode, …
    if (fields.size() < 10) return std::nullopt;
    auto const [address_text, port_text, has_port] = cut(fields[1], ':');
    auto const address = find_address(address_text);
    auto const port = find_number<std::uint16_t>(port_text, 16);
    auto const state = find_number<unsigned>(fields[3], 16);
    auto const uid = find_number<uid_t>(fields[7], 10);
    auto const inode = find_number<std::uint64_t>(fields[9], 10);
    if (!has_port || !address || !port || !state || !uid || !inode) return std::nullopt;
    return SocketRow{{*address, *port}, *state, *uid, *inode};
}

std::optional<PortHolder> find_port_holder(Protocol protocol, SocketAddress const& wanted) {
    auto const proc = HostPath() / "proc";
    auto const tables = proc / "net";
    auto row = find_row(tables / protocol_name(protocol), protocol, wanted);
    if (!row) row = find_row(tables / fmt::format("{}6", protocol_name(protocol)), protocol, wanted);
    if (!row) return std::nullopt;
    PortHolder holder{.uid = row->uid, .name = {}};
    auto const processes = list_directory(proc);
    if (!processes) return holder;
    auto const link = fmt::format("socket:[{}]", row->inode);
    for (auto const& name : processes.value()) {
        auto const pid = find_number<pid_t>(name, 10);
        if (!pid || !holds_socket(proc / name, link)) continue;
        auto const comm = read_file(proc / name / "comm");
        holder.pid = *pid;
        holder.name = comm ? std::string(trim(comm.value())) : "a process";
        break;
    }
    return holder;
}

} // namespace bolt::net
