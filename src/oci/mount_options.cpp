#include "oci/mount_options.h"

#include <algorithm>
#include <span>

#include <linux/mount.h>
#include <sys/mount.h>

#include "base/text.h"

namespace bolt::oci {

namespace {

struct AttributeOption {
    std::string_view name;
    MountAttributes attributes;
};
constexpr std::uint64_t atime_modes = MOUNT_ATTR__ATIME;
// mount(8)'s options that are the mount's own; each also has a form with r for the whole tree below.
constexpr AttributeOption attribute_options[] = {
    {"ro", {.set = MOUNT_ATTR_RDONLY}},
    {"rw", {.clear = MOUNT_ATTR_RDONLY}},
    {"nosuid", {.set = MOUNT_ATTR_NOSUID}},
    {"suid", {.clear = MOUNT_ATTR_NOSUID}},
    {"nodev", {.set = MOUNT_ATTR_NODEV}},
    {"dev", {.clear = MOUNT_ATTR_NODEV}},
    {"noexec", {.set = MOUNT_ATTR_NOEXEC}},
    {"exec", {.clear = MOUNT_ATTR_NOEXEC}},
    {"nodiratime", {.set = MOUNT_ATTR_NODIRATIME}},
    {"diratime", {.clear = MOUNT_ATTR_NODIRATIME}},
    {"relatime", {.set = MOUNT_ATTR_RELATIME, .clear = atime_modes}},
    {"norelatime", {.set = MOUNT_ATTR_STRICTATIME, .clear = atime_modes}},
    {"noatime", {.set = MOUNT_ATTR_NOATIME, .clear = atime_modes}},
    {"atime", {.set = MOUNT_ATTR_RELATIME, .clear = atime_modes}},
    {"strictatime", {.set = MOUNT_ATTR_STRICTATIME, .clear = atime_modes}},
    {"nostrictatime", {.set = MOUNT_ATTR_RELATIME, .clear = atime_modes}},
    {"nosymfollow", {.set = MOUNT_ATTR_NOSYMFOLLOW}},
    {"symfollow", {.clear = MOUNT_ATTR_NOSYMFOLLOW}},
};

// Accepted and without effect, as in runc: defaults, and what the new mount API does not have.
constexpr std::string_view idle_options[] = {"defaults", "loud", "silent", "acl"}; // a tmpfs, and what else has ACLs, has them without being asked
// The superblock's: passed on to the file system as flags.
constexpr std::string_view superblock_flags[] = {"sync", "dirsync", "lazytime", "mand", "iversion"};
// Each takes back the other, which nothing has unless it is asked for.
constexpr std::pair<std::string_view, std::string_view> opposites[] = {{"async", "sync"}, {"nolazytime", "lazytime"}, {"nomand", "mand"}, {"noiversion", "iversion"}};

AttributeOption const* find_attribute(std::string_view name) {
    for (auto const& option : attribute_options)
        if (option.name == name) return &option;
    return nullptr;
}

bool contains(std::span<std::string_view const> names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

Result<void> sort_option(std::string_view option, MountOptions& sorted) {
    if (option == "bind" || option == "rbind") {
        sorted.is_bind = true;
        if (option == "rbind") sorted.depth = Depth::recursive;
    } else if (auto const* const attribute = find_attribute(option)) {
        sorted.attributes |= attribute->attributes;
    } else if (auto const propagation = parse_propagation(option); propagation.ok()) {
        bool const is_recursive = propagation.value().depth == Depth::recursive;
        sorted.recursive.propagation = is_recursive ? propagation.value().type : 0;
        sorted.attributes.propagation = is_recursive ? 0 : propagation.value().type; // what is said last counts
    } else if (auto const* const below = option.starts_with('r') ? find_attribute(option.substr(1)) : nullptr) {
        sorted.recursive |= below->attributes;
    } else if (option == "tmpcopyup") {
        sorted.copies_up = true;
    } else if (auto const [name, mappings, found] = cut(option, '='); name == "idmap" || name == "ridmap") {
        sorted.mapped = MappedOption{name == "ridmap" ? Depth::recursive : Depth::top, std::string(mappings)};
    } else if (option == "copy-symlink") {
        sorted.source_link = SourceLink::copied;
    } else if (option == "src-nofollow") {
        sorted.source_link = SourceLink::mounted;
    } else if (option == "dest-nofollow") {
        sorted.replaces_link = true;
    } else if (option == "remount") {
        sorted.is_remount = true;
    } else if (auto const* const pair = std::ranges::find(opposites, option, &std::pair<std::string_view, std::string_view>::first); pair != std::end(opposites)) {
        std::erase_if(sorted.filesystem, [&](auto const& flag) { return flag.first == pair->second; });
        sorted.taken_back.push_back(pair->first);
    } else if (contains(superblock_flags, option)) {
        sorted.filesystem.emplace_back(option, "");
    } else if (!contains(idle_options, option)) {
        auto const [key, value, found] = cut(option, '=');
        if (key.empty()) return Error::of(EINVAL, "'{}' is not a mount option", option);
        sorted.filesystem.emplace_back(key, value);
    }
    return {};
}

} // namespace

Result<MountOptions> sort_mount_options(std::vector<std::string> const& options) {
    MountOptions sorted;
    for (auto const& option : options) {
        // Several in one text, as mount(8) writes them; a comma of a value's own is quoted or escaped.
        bool const is_one = option.find_first_of("\"\\") != option.npos;
        for (auto const part : is_one ? std::vector<std::string_view>{option} : split(option, ',')) TRY(sort_option(part, sorted));
    }
    sorted.attributes |= {.set = sorted.recursive.set, .clear = sorted.recursive.clear};
    return sorted;
}

bool is_superblock_flag(std::string_view name) { return contains(superblock_flags, name); }

Result<Propagation> parse_propagation(std::string_view text) {
    constexpr std::pair<std::string_view, std::uint64_t> types[] = {
        {"private", MS_PRIVATE}, {"slave", MS_SLAVE}, {"shared", MS_SHARED}, {"unbindable", MS_UNBINDABLE}};
    for (auto const& [name, type] : types) {
        if (text == name) return Propagation{type, Depth::top};
        if (text.starts_with('r') && text.substr(1) == name) return Propagation{type, Depth::recursive};
    }
    return Error::of(EINVAL, "'{}' is not a mount propagation", text);
}

std::vector<std::string> known_mount_options() {
    std::vector<std::string> names{"bind", "rbind", "remount", "idmap", "ridmap", "tmpcopyup", "copy-symlink", "src-nofollow", "dest-nofollow"};
    for (auto const& option : attribute_options) {
        names.emplace_back(option.name);
        names.push_back(fmt::format("r{}", option.name));
    }
    for (std::string_view const type : {"private", "slave", "shared", "unbindable"}) {
        names.emplace_back(type);
        names.push_back(fmt::format("r{}", type));
    }
    names.insert(names.end(), std::begin(idle_options), std::end(idle_options));
    names.insert(names.end(), std::begin(superblock_flags), std::end(superblock_flags));
    for (auto const& [name, opposite] : opposites) names.emplace_back(name);
    std::sort(names.begin(), names.end());
    return names;
}

} // namespace bolt::oci
