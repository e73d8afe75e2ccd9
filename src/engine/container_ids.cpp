#include "engine/container_ids.h"

#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"
#include "sys/lock.h"

namespace bolt::engine {

namespace {

constexpr std::uint32_t step = 1024;

std::uint32_t count_of(std::vector<IdRange> const& ranges) {
    std::uint32_t count = 0;
    for (auto const& range : ranges) count += range.count;
    return count;
}

// Outside, 0 is the calling user and 1 … are the ranges; inside, the user keeps its number and the others fill what is left.
std::vector<IdRange> keep(std::uint32_t own, std::uint32_t others) {
    std::vector<IdRange> map;
    auto const below = std::min(own, others);
    if (below > 0) map.push_back({0, 1, below});
    map.push_back({own, 0, 1});
    if (others > below) map.push_back({own + 1, below + 1, others - below});
    return map;
}

} // namespace

Result<ContainerIds> keep_ids(CallingUser const& user, IdMappings const& mappings) {
    if (user.uid == 0) return Error::of(EINVAL, "--userns=keep-id is for ordinary users: root's id is the same inside already; leave it out");
    auto const users = count_of(mappings.users), groups = count_of(mappings.groups);
    if (users < 2 || groups < 2)
        return Error::of(EINVAL, "--userns=keep-id needs ids beside your own: {}", mappings.shortage.value_or("/etc/subuid and /etc/subgid give you none"));
    return ContainerIds{keep(user.uid, users - 1), keep(user.gid, groups - 1), fmt::format("keep-{}-{}-{}-{}", user.uid, users, user.gid, groups)};
}

std::optional<IdBlock> find_free_block(std::vector<IdBlock> in_use, std::uint32_t available, std::uint32_t count) {
    std::ranges::sort(in_use, std::greater<>(), &IdBlock::first);
    auto end = available; // everything from here on is in use or too small
    for (auto const& block : in_use) {
        auto const after = block.first + block.count;
        if (end >= after && end - after >= count) break;
        end = std::min(end, block.first);
    }
    if (end < count || count == 0) return std::nullopt;
    return IdBlock{end - count, count};
}

std::uint32_t ids_needed(std::string_view passwd, std::string_view group, std::uint32_t user) {
    auto highest = user;
    constexpr std::uint32_t nobody = 65534;
    for (auto const& entry : parse_passwd(passwd))
        if (entry.uid < nobody) highest = std::max({highest, entry.uid, entry.gid < nobody ? entry.gid : 0});
    for (auto const& entry : parse_group(group))
        if (entry.gid < nobody) highest = std::max(highest, entry.gid);
    return highest < UINT32_MAX - step ? (highest / step + 1) * step : UINT32_MAX;
}

namespace {

// Ids as the monitor's namespace has them: users_first and groups_first stand for 0.
struct Pool {
    std::uint32_t users_first = 0, groups_first = 0, count = 0;
};

Result<SubordinateRange> range_of_containers(std::string_view file) {
    auto const text = TRY(find_file(TRY(HostPath::parse(file)))).value_or("");
    auto const ranges = parse_subordinate_ranges(text, "containers", static_cast<uid_t>(-1));
    if (ranges.empty())
        return Error::of(ENOENT, "--userns=auto takes root's containers' ids from the user 'containers' in {}, which has none; add the line 'containers:2147483648:1073741824' there", file);
    return ranges.front();
}

Result<Pool> pool_of(CallingUser const& user) {
    if (user.uid != 0) {
        auto const mappings = TRY(mappings_of(user));
        auto const count = std::min(count_of(mappings.users), count_of(mappings.groups)) - 1;
        if (count == 0) return Error::of(EINVAL, "--userns=auto needs ids beside your own: {}", mappings.shortage.value_or("/etc/subuid and /etc/subgid give you none"));
        return Pool{1, 1, count};
    }
    auto const users = TRY(range_of_containers("/etc/subuid"));
    auto const groups = TRY(range_of_containers("/etc/subgid"));
    return Pool{users.first, groups.first, std::min(users.count, groups.count)};
}

// A claim is an empty file FIRST-COUNT-CONTAINER. Those of containers that are gone are swept away on the way.
Result<std::vector<IdBlock>> claimed(Installation const& here, HostPath const& claims) {
    std::vector<IdBlock> blocks;
    for (auto const& name : TRY(list_directory(claims))) {
        auto const parts = split(name, '-');
        if (parts.size() != 3) continue; // the lock
        auto const first = parse_unsigned(parts[0]), count = parse_unsigned(parts[1]);
        if (!first || !count) continue;
        if (!exists(here.layout.containers() / parts[2])) {
            TRY(remove_file(claims / name));
            continue;
        }
        blocks.push_back({static_cast<std::uint32_t>(first.value()), static_cast<std::uint32_t>(count.value())});
    }
    return blocks;
}

} // namespace

Result<ContainerIds> claim_ids(Installation const& here, ContainerId const& id, std::uint32_t count) {
    auto const pool = TRY(pool_of(here.user));
    auto const claims = here.layout.ids();
    TRY(make_directories(claims, 0700));
    auto const lock = TRY(FileLock::acquire(claims / "lock", LockMode::exclusive, std::chrono::seconds(10)));
    auto const block = find_free_block(TRY(claimed(here, claims)), pool.count, count);
    if (!block)
        return Error::of(EUSERS, "--userns=auto needs {} ids that no other container has, and of your {} not enough are free; remove containers, or add a range to /etc/subuid and /etc/subgid",
                         count, pool.count);
    TRY(open_file(claims / fmt::format("{}-{}-{}", block->first, block->count, id.text()), O_WRONLY | O_CREAT | O_EXCL, 0600));
    return ContainerIds{{{0, pool.users_first + block->first, block->count}}, {{0, pool.groups_first + block->first, block->count}},
                        fmt::format("{}-{}-{}", pool.users_first + block->first, pool.groups_first + block->first, block->count)};
}

} // namespace bolt::engine
