#include "net/network.h"

#include <algorithm>

#include "base/text.h"
#include "sys/file.h"
#include "sys/socket.h"

namespace bolt::net {

namespace {

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    while (!line.empty()) {
        auto const begin = line.find_first_not_of(" \t\r");
        if (begin == line.npos) break;
        auto const end = std::min(line.find_first_of(" \t\r", begin), line.size());
        words.push_back(line.substr(begin, end - begin));
        line.remove_prefix(end);
    }
    return words;
}

struct ResolvConf {
    std::vector<std::string> servers, searches, options;
};

ResolvConf parse_resolv_conf(std::string_view text) {
    ResolvConf found;
    for (auto const line : split(text, '\n')) {
        auto const words = words_of(line);
        if (words.size() < 2) continue;
        std::vector<std::string> const values(words.begin() + 1, words.end());
        if (words[0] == "nameserver") found.servers.push_back(values[0]);
        // The last of these lines counts, and takes the place of those before it: resolv.conf(5).
        if (words[0] == "search" || words[0] == "domain") found.searches = values;
        if (words[0] == "options") found.options.insert(found.options.end(), values.begin(), values.end());
    }
    return found;
}

// A scope such as %eth0 names an interface that only the host has.
bool is_reachable_elsewhere(std::string_view server) {
    auto const address = IpAddress::parse(server);
    return address && !address.value().is_loopback() && !address.value().is_any();
}

std::vector<std::string> servers_inside(std::vector<std::string> const& of_host, Mode mode) {
    if (mode == Mode::host) return of_host;
    if (mode == Mode::none) return {};
    std::vector<std::string> inside;
    for (auto const& server : of_host) {
        auto const reached = is_reachable_elsewhere(server) ? server : std::string(dns_forward_address);
        if (std::find(inside.begin(), inside.end(), reached) == inside.end()) inside.push_back(reached);
    }
    // Without any the resolver would ask 127.0.0.1, where nobody answers.
    if (inside.empty()) inside.emplace_back(dns_forward_address);
    return inside;
}

} // namespace

Result<HostEntry> parse_host_entry(std::string_view text) {
    auto const at = text.find_first_of(":=");
    auto const name = text.substr(0, at);
    if (at == text.npos || name.empty() || name.find_first_of(" \t\n#") != name.npos)
        return Error::of(EINVAL, "host entry '{}' is not NAME:ADDRESS", text);
    auto address = text.substr(at + 1);
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
    auto const parsed = TRY(IpAddress::parse(address).while_doing("host entry '{}'", text));
    return HostEntry{std::string(name), parsed.text()};
}

std::string hosts_file(HostsFile const& wanted) {
    std::string text;
    if (wanted.mode == Mode::host && !wanted.host_text.empty()) {
        text = wanted.host_text;
        if (!text.ends_with('\n')) text += '\n';
    } else {
        text = "127.0.0.1\tlocalhost\n"
               "::1\tlocalhost ip6-localhost ip6-loopback\n";
    }
    for (auto const& entry : wanted.added) text += fmt::format("{}\t{}\n", entry.address, entry.name);
    // On the host's network its name is the host's matter, and often the host's own.
    if (wanted.mode != Mode::host && !wanted.hostname.empty())
        text += fmt::format("{}\t{}\n", wanted.address.empty() ? "127.0.1.1" : wanted.address, wanted.hostname);
    return text;
}

Result<std::string> host_resolv_conf() {
    auto const text = TRY(find_file(HostPath() / "etc/resolv.conf")).value_or("");
    auto const servers = parse_resolv_conf(text).servers;
    constexpr std::string_view stub = "127.0.0.53";
    bool const only_stub = !servers.empty() && std::all_of(servers.begin(), servers.end(), [&](std::string const& server) { return server == stub; });
    if (!only_stub) return text;
    auto real = TRY(find_file(HostPath() / "run/systemd/resolve/resolv.conf"));
    return real ? std::move(*real) : text;
}

std::string resolv_conf(std::string_view host_text, Mode mode, DnsOptions const& options) {
    auto found = parse_resolv_conf(host_text);
    auto const servers = options.servers.empty() ? servers_inside(found.servers, mode) : options.servers;
    if (!options.searches.empty()) found.searches = options.searches;
    if (found.searches == std::vector<std::string>{"."}) found.searches.clear(); // docker's word for "none"
    if (!options.options.empty()) found.options = options.options;
    std::string text;
    if (!found.searches.empty()) text += fmt::format("search {}\n", join(found.searches, " "));
    for (auto const& server : servers) text += fmt::format("nameserver {}\n", server);
    if (!found.options.empty()) text += fmt::format("options {}\n", join(found.options, " "));
    return text;
}

} // namespace bolt::net
