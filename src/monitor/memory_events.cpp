#include "monitor/memory_events.h"

#include "base/text.h"
#include "sys/file.h"

namespace bolt::monitor {

std::string memory_cgroup_of(std::string_view proc_cgroup, std::string_view container_id) {
    std::string found;
    for (auto const line : split(proc_cgroup, '\n')) {
        auto const [number, rest, has_rest] = cut(line, ':');
        auto const [controllers, path, has_path] = cut(rest, ':');
        if (!has_rest || !has_path || path.find(container_id) == path.npos || container_id.empty()) continue;
        auto const names = split(controllers, ',');
        if (std::find(names.begin(), names.end(), "memory") != names.end()) return fmt::format("memory{}", path);
        if (number == "0") found = path.substr(1);
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

MemoryEvents MemoryEvents::of_process(pid_t pid, std::string_view container_id) {
    auto const path = HostPath::parse(fmt::format("/proc/{}/cgroup", pid));
    auto const text = path ? read_file(path.value()) : Result<std::string>(path.error());
    return {text ? memory_cgroup_of(text.value(), container_id) : ""};
}

std::uint64_t MemoryEvents::kills() const {
    if (path.empty()) return 0;
    auto const directory = HostPath::parse("/sys/fs/cgroup");
    for (std::string_view const name : {"memory.events", "memory.oom_control"}) {
        auto const text = find_file(directory.value() / path / name);
        if (text && text.value()) return parse_memory_kills(*text.value());
    }
    return 0;
}

} // namespace bolt::monitor
