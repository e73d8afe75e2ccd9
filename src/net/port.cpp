#include "net/port.h"

#include "base/text.h"
#include "sys/socket.h"

namespace bolt::net {

namespace {

struct PortRange {
    std::uint16_t first, last;
    std::size_t count() const { return std::size_t{last} - first + 1u; }
};

Error malformed(std::string_view text, std::string_view why) {
    return Error::of(EINVAL, "published port '{}': {}; write [ADDRESS:]HOST:CONTAINER[/tcp|/udp]", text, why);
}

Result<std::uint16_t> parse_port(std::string_view text, std::string_view whole) {
    auto const number = parse_unsigned(text);
    if (!number || number.value() == 0 || number.value() > 65535)
        return malformed(whole, text.empty() ? std::string("a port is missing") : fmt::format("'{}' is not a port from 1 to 65535", text));
    return static_cast<std::uint16_t>(number.value());
}

Result<PortRange> parse_range(std::string_view text, std::string_view whole) {
    auto const [first, last, is_range] = cut(text, '-');
    PortRange range{};
    range.first = TRY(parse_port(first, whole));
    range.last = is_range ? TRY(parse_port(last, whole)) : range.first;
    if (range.last < range.first) return malformed(whole, fmt::format("the range '{}' runs backwards", text));
    return range;
}

Result<Protocol> parse_protocol(std::string_view text, std::string_view whole) {
    auto const lowered = in_lower_case(text);
    if (lowered == "tcp") return Protocol::tcp;
    if (lowered == "udp") return Protocol::udp;
    return malformed(whole, fmt::format("'{}' is not a protocol that can be published (tcp, udp)", text));
}

struct Sides {
    std::string_view address, host, container;
    bool has_address = false, in_brackets = false;
};

// Splits from the right, so that an address may hold ':' when it is in brackets.
Result<Sides> split_sides(std::string_view text, std::string_view whole) {
    Sides sides;
    auto const last = text.rfind(':');
    if (last == text.npos) {
        sides.container = text;
        return sides;
    }
    sides.container = text.substr(last + 1);
    auto const before = text.substr(0, last);
    if (before.starts_with('[')) {
        auto const end = before.find(']');
        if (end == before.npos) return malformed(whole, "']' is missing");
        if (end + 1 == before.size()) return malformed(whole, "the host's port is missing (for one that is chosen: '[ADDRESS]::CONTAINER')");
        if (before[end + 1] != ':') return malformed(whole, "':' is missing after ']'");
        sides.address = before.substr(1, end - 1);
        sides.host = before.substr(end + 2);
        sides.has_address = sides.in_brackets = true;
        return sides;
    }
    auto const middle = before.rfind(':');
    sides.host = middle == before.npos ? before : before.substr(middle + 1);
    sides.address = middle == before.npos ? std::string_view() : before.substr(0, middle);
    sides.has_address = middle != before.npos;
    return sides;
}

Result<std::string> parse_address(Sides const& sides, std::string_view whole) {
    if (!sides.in_brackets && sides.address.empty()) return std::string();
    auto const address = IpAddress::parse(sides.address);
    if (!address || (address.value().family() == IpFamily::v6) != sides.in_brackets) return malformed(whole, fmt::format("'{}' is not a numeric address (IPv6 goes in brackets)", sides.address));
    return address.value().text();
}

} // namespace

std::string_view protocol_name(Protocol protocol) { return protocol == Protocol::tcp ? "tcp" : "udp"; }

Result<std::vector<PublishedPort>> parse_published(std::string_view text) {
    auto const [ports, protocol_text, has_protocol] = cut(text, '/');
    PublishedPort port;
    port.protocol = has_protocol ? TRY(parse_protocol(protocol_text, text)) : Protocol::tcp;
    auto const sides = TRY(split_sides(ports, text));
    port.address = TRY(parse_address(sides, text));
    auto const container = TRY(parse_range(sides.container, text));
    // "0" is the kernel's choice in words that people know from bind(2).
    bool const chosen = sides.host.empty() || sides.host == "0";
    auto const host = chosen ? PortRange{} : TRY(parse_range(sides.host, text));
    // Docker takes one container port with a range of the host's as "any of them"; here that is two different wishes.
    if (!chosen && host.count() != container.count())
        return malformed(text, fmt::format("{} host ports cannot lead to {} container ports", host.count(), container.count()));
    std::vector<PublishedPort> published;
    published.reserve(container.count());
    for (std::size_t i = 0; i < container.count(); ++i) {
        port.container_port = static_cast<std::uint16_t>(container.first + i);
        port.host_port = chosen ? std::uint16_t{0} : static_cast<std::uint16_t>(host.first + i);
        published.push_back(port);
    }
    return published;
}

std::string format_published(PublishedPort const& port) {
    auto const address = port.address.empty() ? std::string("0.0.0.0") : port.address;
    return fmt::format("{}:{}->{}/{}", address.find(':') == address.npos ? address : "[" + address + "]", port.host_port, port.container_port,
                       protocol_name(port.protocol));
}

} // namespace bolt::net
