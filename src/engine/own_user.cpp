#include "engine/own_user.h"

#include "sys/file.h"

namespace bolt::engine {

namespace {

std::string with_line(std::string_view text, std::string_view line) {
    return fmt::format("{}{}{}\n", text, text.empty() || text.ends_with('\n') ? "" : "\n", line);
}

} // namespace

std::string passwd_with(CallingUser const& user, std::string_view home, std::string_view passwd) {
    for (auto const& entry : parse_passwd(passwd))
        if (entry.uid == user.uid || entry.name == user.name) return std::string(passwd);
    return with_line(passwd, fmt::format("{}:x:{}:{}::{}:/bin/sh", user.name, user.uid, user.gid, home));
}

std::string group_with(CallingUser const& user, std::string_view group) {
    for (auto const& entry : parse_group(group))
        if (entry.gid == user.gid || entry.name == user.name) return std::string(group);
    return with_line(group, fmt::format("{}:x:{}:", user.name, user.gid));
}

Result<std::vector<PlannedMount>> add_own_user(CallingUser const& user, std::string_view home, std::string_view passwd, std::string_view group, HostPath const& directory) {
    std::vector<PlannedMount> mounts;
    auto const add = [&](std::string_view name, std::string const& text, std::string_view image_text) -> Result<void> {
        if (text == image_text) return {};
        TRY(write_file(directory / name, text, 0644, Durability::none));
        mounts.push_back({fmt::format("/etc/{}", name), "bind", (directory / name).text(), {"rbind", "rprivate", "rw"}});
        return {};
    };
    TRY(add("passwd", passwd_with(user, home, passwd), passwd));
    TRY(add("group", group_with(user, group), group));
    return mounts;
}

} // namespace bolt::engine
