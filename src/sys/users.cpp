#include "sys/users.h"

#include <cstdlib>

#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"

namespace bolt {

namespace {
Result<std::uint32_t> parse_id(std::string_view text) {
    auto const number = TRY(parse_unsigned(text));
    if (number > 0xffff'fffeU) return Error::of(ERANGE, "id {} is too large", number);
    return static_cast<std::uint32_t>(number);
}
} // namespace

std::vector<PasswdEntry> parse_passwd(std::string_view text) {
    std::vector<PasswdEntry> entries;
    for (auto const line : split(text, '\n')) {
        auto const fields = split(line, ':');
        if (fields.size() < 7 || fields[0].empty() || fields[0][0] == '#') continue;
        auto const uid = parse_id(fields[2]);
        auto const gid = parse_id(fields[3]);
        if (uid && gid) entries.push_back({std::string(fields[0]), uid.value(), gid.value(), std::string(fields[5]), std::string(fields[6])});
    }
    return entries;
}

std::vector<GroupEntry> parse_group(std::string_view text) {
    std::vector<GroupEntry> entries;
    for (auto const line : split(text, '\n')) {
        auto const fields = split(line, ':');
        if (fields.size() < 4 || fields[0].empty() || fields[0][0] == '#') continue;
        auto const gid = parse_id(fields[2]);
        if (!gid) continue;
        GroupEntry entry{std::string(fields[0]), gid.value(), {}};
        for (auto const member : split(fields[3], ',')) entry.members.emplace_back(trim(member));
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::vector<SubordinateRange> parse_subordinate_ranges(std::string_view text, std::string_view user, uid_t uid) {
    std::vector<SubordinateRange> ranges;
    auto const number = fmt::format("{}", uid);
    for (auto const line : split(text, '\n')) {
        auto const fields = split(trim(line), ':');
        if (fields.size() != 3 || (fields[0] != user && fields[0] != number)) continue;
        auto const first = parse_id(fields[1]);
        auto const count = parse_id(fields[2]);
        if (first && count && count.value() > 0) ranges.push_back({first.value(), count.value()});
    }
    return ranges;
}

namespace {
Result<std::optional<PasswdEntry>> find_user(uid_t uid) {
    auto const passwd = TRY(find_file(TRY(HostPath::parse("/etc/passwd"))));
    for (auto& entry : parse_passwd(passwd.value_or("")))
        if (entry.uid == uid) return std::optional(std::move(entry));
    return std::optional<PasswdEntry>();
}
} // namespace

Result<std::string> name_of_user(uid_t uid) {
    auto found = TRY(find_user(uid));
    return found ? std::move(found->name) : fmt::format("{}", uid);
}

Result<CallingUser> calling_user() {
    auto const found = TRY(find_user(geteuid()));
    CallingUser user{geteuid(), getegid(), found ? found->name : fmt::format("{}", geteuid()), found ? found->home : std::string()};
    if (char const* const home = getenv("HOME"); home && home[0] == '/') user.home = home;
    if (user.home.empty()) user.home = "/";
    return user;
}

} // namespace bolt
