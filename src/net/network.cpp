#include "net/network.h"

#include <algorithm>

#include <fcntl.h>

#include "base/text.h"
#include "net/targets.h"
#include "sys/file.h"
#include "sys/network_namespace.h"

namespace bolt::net {

namespace {

struct ModeWord {
    std::string_view word;
    Mode mode;
};
constexpr ModeWord mode_words[] = {
    {"none", Mode::none},     {"host", Mode::host},       {"pasta", Mode::pasta},  {"", Mode::pasta},
    {"default", Mode::pasta}, {"private", Mode::pasta},   {"bridge", Mode::pasta},
};

// Written into the namespace where the process is: /proc/sys/net shows each reader its own.
Result<void> write_network_setting(std::string_view name, std::string_view value) {
    auto const path = HostPath() / "proc/sys/net" / name;
    auto const file = open_file(path, O_WRONLY);
    // A kernel without it, or a machine that is itself a container and shows /proc/sys read-only: the namespace works, with
    // the kernel's own default.
    if (!file && (file.error().is(ENOENT) || file.error().is(EROFS))) return {};
    if (!file) return Error(file.error());
    return write_all(file.value(), value).while_doing("write '{}'", path);
}

// The group ids from 0 on that exist in the calling process's user namespace: others are refused by the setting.
Result<std::uint64_t> last_mapped_group() {
    constexpr std::uint64_t highest = 2147483647; // the setting's own limit
    std::uint64_t mapped = 0;
    auto const map = TRY(read_file(HostPath() / "proc/self/gid_map"));
    for (auto const line : split(map, '\n')) {
        std::vector<std::uint64_t> numbers;
        for (auto const field : split(line, ' '))
            if (!field.empty()) numbers.push_back(TRY(parse_unsigned(field)));
        if (numbers.size() == 3 && numbers[0] == mapped) mapped += numbers[2];
    }
    return mapped == 0 ? 0 : std::min(mapped - 1, highest);
}

} // namespace

Result<Mode> parse_mode(std::string_view text) {
    for (auto const& [word, mode] : mode_words)
        if (word == text) return mode;
    return Error::of(EINVAL, "network '{}' is not known; there are none, host and pasta", text);
}

std::string_view mode_name(Mode mode) {
    for (auto const& known : mode_words)
        if (known.mode == mode) return known.word; // the name comes before its other words
    return "";
}

Result<void> make_network_namespace() {
    TRY(enter_new_network_namespace());
    TRY(bring_loopback_up());
    TRY(write_network_setting("ipv4/ip_unprivileged_port_start", "0"));
    TRY(write_network_setting("ipv4/ping_group_range", fmt::format("0 {}", TRY(last_mapped_group()))));
    // Nobody else can have an address of ours here: without the wait for that, IPv6 is usable a second earlier.
    return write_network_setting("ipv6/conf/default/accept_dad", "0");
}

Result<std::optional<std::string>> find_own_address() {
    auto const first = choose_targets(TRY(own_addresses()), IpFamily::v4).front();
    if (first.is_loopback()) return std::optional<std::string>();
    return std::optional(first.text());
}

} // namespace bolt::net
