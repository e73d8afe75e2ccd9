#include "monitor/user.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "sys/users.h"

namespace bolt::monitor {

namespace {

std::optional<std::uint32_t> find_id(std::string_view text) {
    auto const number = parse_unsigned(text);
    if (!number || number.value() > 0xffff'fffeU) return std::nullopt;
    return static_cast<std::uint32_t>(number.value());
}

Result<gid_t> resolve_group(std::string_view text, std::vector<GroupEntry> const& groups) {
    for (auto const& entry : groups)
        if (entry.name == text) return entry.gid;
    if (auto const id = find_id(text)) return *id;
    return Error::of(ENOENT, "the container's /etc/group has no group '{}'", text);
}

Result<std::string> read_or_empty(Root const& root, std::string_view path) {
    auto text = root.read_file(TRY(RootPath::parse(path)));
    if (!text && (text.error().is(ENOENT) || text.error().is(ENOTDIR))) return std::string();
    return text;
}

} // namespace

Json to_json(ContainerUser const& user) {
    Json document;
    document.set("uid", std::int64_t{user.uid}).set("gid", std::int64_t{user.gid});
    auto groups = Json::array();
    for (gid_t const group : user.additional_groups) groups.push(std::int64_t{group});
    return document.set_unless_empty("additionalGids", std::move(groups));
}

Result<ContainerUser> resolve_user(std::string_view text, std::string_view passwd, std::string_view group) {
    auto const [user_text, group_text, has_group] = cut(text, ':');
    auto const id = user_text.empty() ? std::optional<std::uint32_t>(0) : find_id(user_text);
    auto const groups = parse_group(group);
    ContainerUser user;
    // A name that looks like a number is taken by name first, as docker and useradd do.
    std::optional<PasswdEntry> found;
    for (auto const& entry : parse_passwd(passwd)) {
        if (entry.name != user_text && !(id && entry.uid == *id)) continue;
        if (!found || entry.name == user_text) found = entry;
        if (entry.name == user_text) break;
    }
    if (!found && !id) return Error::of(ENOENT, "the container's /etc/passwd has no user '{}'", user_text);
    user.uid = found ? found->uid : *id;
    user.gid = found ? found->gid : 0;
    if (found && !found->home.empty()) user.home = found->home;
    if (has_group && !group_text.empty()) {
        user.gid = TRY(resolve_group(group_text, groups));
        return user;
    }
    if (!found) return user;
    for (auto const& entry : groups)
        if (entry.gid != user.gid && std::find(entry.members.begin(), entry.members.end(), found->name) != entry.members.end())
            user.additional_groups.push_back(entry.gid);
    return user;
}

Result<ContainerUser> find_user(Root const& root, std::string_view text) {
    auto const passwd = TRY(read_or_empty(root, "etc/passwd"));
    auto const group = TRY(read_or_empty(root, "etc/group"));
    return resolve_user(text, passwd, group);
}

} // namespace bolt::monitor
