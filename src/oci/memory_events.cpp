#include "oci/memory_events.h"

#include <algorithm>

#include "base/text.h"
#include "sys/file.h"

namespace bolt::oci {

namespace {
constexpr std::string_view top = "/sys/fs/cgroup";
constexpr std::string_view v1_memory = "/sys/fs/cgroup/memory/";

std::optional<HostPath> directory_of(std::string_view tree, std::string_view path) {
    auto const directory = HostPath::parse(fmt::format("{}{}{}", top, tree, path));
    return directory ? std::optional(directory.value()) : std::nullopt;
}
} // namespace

std::optional<HostPath> memory_cgroup_of(std::vector<CgroupMembership> const& memberships, std::string_view container_id) {
    std::optional<HostPath> found;
    for (auto const& [controllers, path] : memberships) {
        if (container_id.empty() || path.find(container_id) == path.npos) continue;
        if (std::find(controllers.begin(), controllers.end(), "memory") != controllers.end()) return directory_of("/memory", path);
        if (controllers.empty()) found = directory_of("", path);
    }
    return found;
}

std::uint64_t parse_memory_kills(std::string_view text) {
    for (auto const line : split(text, '\n')) {
        auto const [name, number, found] = cut(line, ' ');
        if (name != "oom_kill" || !found) continue;
        auto const count = parse_unsigned(trim(number));
        return count ? count.value() : 0;
    }
    return 0;
}

std::string cgroup_path_of(std::vector<HostPath> const& directories) {
    if (directories.empty() || !directories.front().text().starts_with(top)) return "";
    auto const below = directories.front().text().substr(top.size());
    // v1 and hybrid hosts have a tree a controller: its name comes first.
    if (directories.size() == 1 && !below.starts_with("/unified/") && !below.starts_with("/memory/")) return below;
    auto const end = below.find('/', 1);
    return end == below.npos ? "" : below.substr(end);
}

MemoryEvents MemoryEvents::of_process(pid_t pid, std::string_view container_id) {
    auto const memberships = cgroup_memberships_of(pid);
    if (!memberships) return {};
    return {memory_cgroup_of(memberships.value(), container_id)};
}

MemoryEvents MemoryEvents::of_directories(std::vector<HostPath> const& directories) {
    for (auto const& directory : directories)
        if (directory.text().starts_with(v1_memory)) return {directory};
    if (directories.size() == 1) return {directories.front()};
    return {};
}

std::uint64_t MemoryEvents::kills() const {
    if (!directory) return 0;
    bool const v1 = directory->text().starts_with(v1_memory);
    auto const text = find_file(*directory / (v1 ? "memory.oom_control" : "memory.events"));
    return text && text.value() ? parse_memory_kills(*text.value()) : 0;
}

} // namespace bolt::oci
