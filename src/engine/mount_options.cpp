// How mounts are asked for: docker's -v, --mount and --tmpfs.
#include <algorithm>
#include <set>

#include "base/ids.h"
#include "engine/options.h"
#include "sys/path.h"

namespace bolt::engine {

namespace {

std::set<std::string_view> const propagations{"private", "rprivate", "shared", "rshared", "slave", "rslave"};

Result<std::string> parse_target(std::string_view target, std::string_view whole) {
    if (!target.starts_with('/')) return Error::of(EINVAL, "the mount target '{}' in '{}' is not an absolute path of the container", target, whole);
    auto const path = TRY(RootPath::parse_clamped(target).while_doing("mount '{}'", whole));
    if (path.is_top()) return Error::of(EINVAL, "nothing can be mounted onto the container's '/' (in '{}')", whole);
    return path.absolute_text();
}

// A host path is written with a '/' or a '.' first; anything else is the name of a volume.
Result<void> set_source(MountOption& mount, std::string_view source, std::string_view whole) {
    if (source.starts_with('/') || source == "." || source == ".." || source.starts_with("./") || source.starts_with("../")) {
        mount.kind = MountKind::bind;
        mount.source = TRY(HostPath::absolute(source)).text();
        return {};
    }
    mount.kind = MountKind::volume;
    mount.source = source;
    if (source.empty()) return Error::of(EINVAL, "'{}' has an empty source; write [SOURCE:]TARGET[:OPTIONS]", whole);
    if (!check_object_name(source))
        return Error::of(EINVAL, "'{}' is neither a volume's name (letters, digits, '_', '.', '-') nor a host path (begin it with '/' or './')", source);
    return {};
}

Result<void> set_volume_word(MountOption& mount, std::string_view word, std::string_view whole) {
    if (word == "ro" || word == "readonly") mount.read_only = true;
    else if (word == "rw") mount.read_only = false;
    else if (word == "nocopy") mount.copies_image_content = false;
    else if (propagations.contains(word)) mount.propagation = word;
    else if (word == "z" || word == "Z") mount.relabels = true;
    else if (word == "cached" || word == "delegated" || word == "consistent") return {}; // caches that this host has not
    else return Error::of(EINVAL, "unknown option '{}' in '{}'; known are ro, rw, nocopy, z, Z and the propagations such as rslave", word, whole);
    return {};
}

Result<void> check_combination(MountOption const& mount, std::string_view whole) {
    if (!mount.propagation.empty() && mount.kind != MountKind::bind)
        return Error::of(EINVAL, "propagation '{}' in '{}' is only for a bind mount", mount.propagation, whole);
    return {};
}

} // namespace

Result<MountOption> parse_volume_option(std::string_view text) {
    auto const parts = split(text, ':');
    if (parts.empty() || parts.size() > 3) return Error::of(EINVAL, "'{}' is not a mount; write [SOURCE:]TARGET[:OPTIONS]", text);
    MountOption mount;
    if (parts.size() == 1) {
        mount.kind = MountKind::volume;
        mount.target = TRY(parse_target(parts[0], text));
        return mount;
    }
    TRY(set_source(mount, parts[0], text));
    mount.makes_source = mount.kind == MountKind::bind;
    mount.target = TRY(parse_target(parts[1], text));
    auto const words = parts.size() == 3 ? split(parts[2], ',') : std::vector<std::string_view>();
    for (auto const word : words) TRY(set_volume_word(mount, word, text));
    bool const reads = std::ranges::find(words, "ro") != words.end() || std::ranges::find(words, "readonly") != words.end();
    if (reads && std::ranges::find(words, "rw") != words.end()) return Error::of(EINVAL, "'{}' says both ro and rw", text);
    TRY(check_combination(mount, text));
    return mount;
}

namespace {

// One line of comma-separated values, where a field may stand in double quotes: "a,""b"",c".
Result<std::vector<std::string>> split_quoted(std::string_view text) {
    std::vector<std::string> fields(1);
    bool quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '"' && quoted && at + 1 < text.size() && text[at + 1] == '"') fields.back() += text[at++];
        else if (text[at] == '"') quoted = !quoted;
        else if (text[at] == ',' && !quoted) fields.emplace_back();
        else fields.back() += text[at];
    }
    if (quoted) return Error::of(EINVAL, "a quotation mark is left open in '{}'", text);
    return fields;
}

Result<bool> parse_switch(std::string_view key, Cut const& field) {
    if (!field.found || field.after == "true" || field.after == "1") return true;
    if (field.after == "false" || field.after == "0") return false;
    return Error::of(EINVAL, "'{}' is true or false, not '{}'", key, field.after);
}

Result<MountKind> parse_kind(std::string_view text) {
    if (text == "bind") return MountKind::bind;
    if (text == "volume") return MountKind::volume;
    if (text == "tmpfs") return MountKind::tmpfs;
    return Error::of(EINVAL, "mount type '{}' is not known; write bind, volume or tmpfs", text);
}

struct MountFields {
    MountOption mount;
    std::string source;
    bool has_bind_option = false, has_volume_option = false, has_tmpfs_option = false;
};

Result<void> set_mount_field(MountFields& fields, Cut const& field, std::string_view whole) {
    auto& mount = fields.mount;
    auto const key = field.before;
    if (key == "readonly" || key == "ro") mount.read_only = TRY(parse_switch(key, field));
    else if (key == "volume-nocopy") fields.has_volume_option = true, mount.copies_image_content = !TRY(parse_switch(key, field));
    else if (!field.found) return Error::of(EINVAL, "'{}' in '{}' needs a value: {}=VALUE", key, whole, key);
    else if (key == "type") mount.kind = TRY(parse_kind(field.after));
    else if (key == "source" || key == "src") fields.source = field.after;
    else if (key == "target" || key == "destination" || key == "dst") mount.target = TRY(parse_target(field.after, whole));
    else if (key == "bind-propagation") {
        if (!propagations.contains(field.after)) return Error::of(EINVAL, "propagation '{}' is not known; write for example rslave", field.after);
        fields.has_bind_option = true;
        mount.propagation = field.after;
    } else if (key == "tmpfs-size") {
        fields.has_tmpfs_option = true;
        mount.tmpfs_options.push_back(fmt::format("size={}", TRY(parse_bytes(field.after)).count));
    } else if (key == "tmpfs-mode") {
        fields.has_tmpfs_option = true;
        mount.tmpfs_options.push_back(fmt::format("mode={:o}", TRY(parse_octal(field.after))));
    } else
        return Error::of(EINVAL, "unknown key '{}' in '{}'; known are type, source, target, readonly, bind-propagation, volume-nocopy, tmpfs-size and tmpfs-mode", key,
                         whole);
    return {};
}

Result<void> check_fields(MountFields const& fields, std::string_view whole) {
    auto const kind = fields.mount.kind;
    if (fields.mount.target.empty()) return Error::of(EINVAL, "'{}' names no target=PATH", whole);
    if (kind == MountKind::bind && fields.source.empty()) return Error::of(EINVAL, "the bind mount '{}' names no source=HOST-PATH", whole);
    if (kind == MountKind::tmpfs && !fields.source.empty()) return Error::of(EINVAL, "the tmpfs '{}' takes no source", whole);
    if (fields.has_bind_option && kind != MountKind::bind) return Error::of(EINVAL, "bind-propagation in '{}' is only for type=bind", whole);
    if (fields.has_volume_option && kind != MountKind::volume) return Error::of(EINVAL, "volume-nocopy in '{}' is only for type=volume", whole);
    if (fields.has_tmpfs_option && kind != MountKind::tmpfs) return Error::of(EINVAL, "tmpfs-size and tmpfs-mode in '{}' are only for type=tmpfs", whole);
    if (kind == MountKind::volume && !fields.source.empty() && !check_object_name(fields.source))
        return Error::of(EINVAL, "'{}' is not a volume's name (letters, digits, '_', '.', '-'); for a host path write type=bind", fields.source);
    return {};
}

} // namespace

Result<MountOption> parse_mount_option(std::string_view text) {
    if (text.empty()) return Error::of(EINVAL, "a mount is written type=bind|volume|tmpfs,source=SOURCE,target=PATH");
    MountFields fields;
    fields.mount.kind = MountKind::volume; // docker's default
    std::set<std::string_view> seen;
    auto const parts = TRY(split_quoted(text));
    for (auto const& part : parts) {
        auto const field = cut(part, '=');
        auto const key = field.before == "src" ? "source" : field.before == "dst" || field.before == "destination" ? "target" : field.before == "ro" ? "readonly" : field.before;
        if (!seen.insert(key).second) return Error::of(EINVAL, "'{}' is there twice in '{}'", key, text);
        TRY(set_mount_field(fields, field, text));
    }
    TRY(check_fields(fields, text));
    fields.mount.source = fields.mount.kind == MountKind::bind ? TRY(HostPath::absolute(fields.source)).text() : fields.source;
    return fields.mount;
}

Result<MountOption> parse_tmpfs_option(std::string_view text) {
    static std::set<std::string_view> const words{"rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "sync", "async", "atime", "noatime", "strictatime", "relatime"};
    static std::set<std::string_view> const keys{"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge"};
    auto const [target, options, found] = cut(text, ':');
    MountOption mount{.kind = MountKind::tmpfs};
    mount.target = TRY(parse_target(target, text));
    for (auto const word : split(options, ',')) {
        if (word == "ro") mount.read_only = true;
        else if (words.contains(word) || keys.contains(cut(word, '=').before)) mount.tmpfs_options.emplace_back(word);
        else return Error::of(EINVAL, "unknown tmpfs option '{}' in '{}'; known are size=, mode=, uid=, gid=, ro, noexec and the like", word, text);
    }
    return mount;
}

} // namespace bolt::engine
