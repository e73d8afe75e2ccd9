#include "oci/mount_ids.h"

#include <algorithm>

#include "base/text.h"

namespace bolt::oci {

namespace {

std::vector<IdRange> ranges_from(std::vector<spec::IdMapping> const& maps) {
    std::vector<IdRange> ranges;
    for (auto const& map : maps) ranges.push_back({map.container_id, map.host_id, map.size});
    return ranges;
}

Result<std::uint32_t> parse_id(std::string_view text) {
    auto const number = TRY(parse_unsigned(text));
    if (number > 0xffff'ffff) return Error::of(ERANGE, "{} is no id", number);
    return static_cast<std::uint32_t>(number);
}

// "0-1-10": ids from 0 on in the file system are shown as those from 1 on; "@0-1-10": as those that the container calls so.
Result<IdRange> parse_range(std::string_view text, std::vector<spec::IdMapping> const& containers) {
    bool const is_relative = text.starts_with('@');
    auto const numbers = split(is_relative ? text.substr(1) : text, '-');
    if (numbers.size() != 3) return Error::of(EINVAL, "'{}' is not like '0-1000-1', which is id, shown as, count", text);
    IdRange range{};
    range.inside = TRY(parse_id(numbers[0]));
    range.outside = TRY(parse_id(numbers[1]));
    range.count = TRY(parse_id(numbers[2]));
    if (range.count == 0 || range.inside + (range.count - 1) < range.inside || range.outside + (range.count - 1) < range.outside)
        return Error::of(EINVAL, "'{}' goes beyond the last id", text);
    if (!is_relative) return range;
    auto const map = std::ranges::find_if(containers, [&](auto const& one) { return range.outside >= one.container_id && range.outside - one.container_id < one.size; });
    if (map == containers.end()) return Error::of(EINVAL, "'{}': the container's user namespace does not map id {}", text, range.outside);
    auto const skipped = range.outside - map->container_id;
    if (range.count > map->size - skipped) return Error::of(EINVAL, "'{}' goes beyond a range that the container's user namespace maps; write two", text);
    range.outside = map->host_id + skipped;
    return range;
}

Result<IdMappings> parse_mappings(std::string_view text, spec::Linux const& section) {
    IdMappings mappings;
    if (text.ends_with(';')) text.remove_suffix(1);
    for (auto const part : split(text, ';')) {
        auto const [kind, ranges, found] = cut(part, '=');
        bool const are_users = kind == "uids";
        if (!found || (!are_users && kind != "gids")) return Error::of(EINVAL, "'{}' begins with neither 'uids=' nor 'gids='", part);
        for (auto const range : split(ranges, '#'))
            (are_users ? mappings.users : mappings.groups).push_back(TRY(parse_range(range, are_users ? section.uid_mappings : section.gid_mappings)));
    }
    if (mappings.users.empty() || mappings.groups.empty()) return Error::of(EINVAL, "'uids=' and 'gids=' stand together, and one is missing");
    return mappings;
}

} // namespace

Result<std::optional<MountIds>> plan_ids(spec::Mount const& mount, std::optional<MappedOption> const& option, spec::Linux const& section) {
    bool const has_own = !mount.uid_mappings.empty() || !mount.gid_mappings.empty();
    if (!has_own && !option) return std::optional<MountIds>();
    MountIds ids{.mappings = {}, .user_namespace = {}, .depth = option ? option->depth : Depth::top};
    auto const* const name = ids.depth == Depth::recursive ? "ridmap" : "idmap";
    if (has_own) {
        if (mount.uid_mappings.empty() || mount.gid_mappings.empty()) return Error::of(EINVAL, "uidMappings and gidMappings stand together, and one is missing");
        if (option && !option->mappings.empty()) return Error::of(EINVAL, "option '{}' has mappings, and so have uidMappings and gidMappings", name);
        ids.mappings = {ranges_from(mount.uid_mappings), ranges_from(mount.gid_mappings), std::nullopt};
        return std::optional(std::move(ids));
    }
    if (!option->mappings.empty()) {
        ids.mappings = TRY(parse_mappings(option->mappings, section).while_doing("option '{}'", name));
        return std::optional(std::move(ids));
    }
    auto const* const name_space = section.find(spec::NamespaceType::user);
    if (!name_space) return Error::of(EINVAL, "option '{}' needs uidMappings and gidMappings, or a user namespace in linux.namespaces", name);
    if (name_space->path.empty()) ids.mappings = {ranges_from(section.uid_mappings), ranges_from(section.gid_mappings), std::nullopt};
    else ids.user_namespace = name_space->path;
    return std::optional(std::move(ids));
}

} // namespace bolt::oci
