#include "spec/runtime.h"

#include <algorithm>

#include "base/text.h"

#include "spec/fields.h"
#include "spec/runtime_parts.h"

namespace bolt::spec {

namespace {

Result<Mount> parse_mount(Json const& json) {
    Mount mount;
    mount.destination = TRY(required_string(json, "destination"));
    mount.type = TRY(json.string_or("type", ""));
    mount.source = TRY(json.string_or("source", ""));
    mount.options = TRY(json.strings("options"));
    mount.uid_mappings = TRY(parse_mappings(json, "uidMappings"));
    mount.gid_mappings = TRY(parse_mappings(json, "gidMappings"));
    return mount;
}

Result<std::vector<Hook>> parse_hooks(Json const& json, std::string_view key) {
    std::vector<Hook> hooks;
    for (auto const& entry : *TRY(elements(json, key))) {
        Hook hook;
        hook.path = TRY(required_string(entry, "path").while_doing("hooks.{}", key));
        if (hook.path[0] != '/') return Error::of(EINVAL, "hooks.{}: '{}' is not an absolute path", key, hook.path);
        hook.args = TRY(entry.strings("args"));
        hook.env = TRY(entry.strings("env"));
        hook.timeout = TRY(find_bounded<int>(entry, "timeout"));
        if (hook.timeout && *hook.timeout <= 0) return Error::of(EINVAL, "hooks.{}: a timeout must be greater than zero", key);
        hooks.push_back(std::move(hook));
    }
    return hooks;
}

// https://semver.org: three numbers without needless zeros, then what was before the release, then what was built.
bool is_semantic_version(std::string_view text) {
    auto const is_one_of = [](std::string_view part, std::string_view characters) { return !part.empty() && part.find_first_not_of(characters) == part.npos; };
    constexpr std::string_view digits = "0123456789", all = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";
    auto const is_number = [&](std::string_view part) { return is_one_of(part, digits) && (part.size() == 1 || part[0] != '0'); };
    auto const [version, build, has_build] = cut(text, '+');
    auto const [core, before, has_before] = cut(version, '-');
    auto const numbers = split(core, '.');
    return numbers.size() == 3 && std::ranges::all_of(numbers, is_number) &&
           (!has_before || (!before.empty() && std::ranges::all_of(split(before, '.'), [&](auto part) { return is_one_of(part, all) && (!is_one_of(part, digits) || is_number(part)); }))) &&
           (!has_build || (!build.empty() && std::ranges::all_of(split(build, '.'), [&](auto part) { return is_one_of(part, all); })));
}

bool is_before_1_3(std::string_view version) {
    auto const minor = parse_unsigned(split(version, '.')[1]);
    return minor && minor.value() < 3;
}

// Others would see what is mounted, and it would stay.
Result<void> check_mount_namespace(Runtime const& spec) {
    if (spec.linux_.makes(NamespaceType::mount)) return {};
    auto const& section = spec.linux_;
    std::pair<std::string_view, bool> const fields[] = {
        {"mounts", !spec.mounts.empty()},
        {"root.readonly", spec.root_readonly},
        {"linux.devices", !section.devices.empty()},
        {"linux.maskedPaths", !section.masked_paths.empty()},
        {"linux.readonlyPaths", !section.readonly_paths.empty()},
        {"linux.rootfsPropagation", !section.rootfs_propagation.empty()},
        {"linux.mountLabel", !section.mount_label.empty()},
    };
    for (auto const& [field, is_set] : fields)
        if (is_set) return Error::of(EINVAL, "field '{}' needs a mount namespace of the container's own: one without a path in linux.namespaces", field);
    return {};
}

Result<void> check(Runtime const& spec) {
    bool const new_user_namespace = spec.linux_.find(NamespaceType::user) && spec.linux_.find(NamespaceType::user)->path.empty();
    if (new_user_namespace && (spec.linux_.uid_mappings.empty() || spec.linux_.gid_mappings.empty()))
        return Error::of(EINVAL, "linux: a new user namespace needs 'uidMappings' and 'gidMappings'");
    for (auto const& [field, mappings] : {std::pair("uidMappings", &spec.linux_.uid_mappings), std::pair("gidMappings", &spec.linux_.gid_mappings)})
        if (!mappings->empty() && !spec.linux_.find(NamespaceType::user)) return Error::of(EINVAL, "linux.{} needs a user namespace in linux.namespaces", field);
    if (!spec.hostname.empty() && !spec.linux_.find(NamespaceType::uts)) return Error::of(EINVAL, "field 'hostname' needs a uts namespace");
    if (!spec.domainname.empty() && !spec.linux_.find(NamespaceType::uts)) return Error::of(EINVAL, "field 'domainname' needs a uts namespace");
    // The same place twice: which of the two is meant, nobody can know.
    for (auto const& [name, value] : spec.linux_.sysctl)
        for (auto const& [field, text] : {std::pair("hostname", &spec.hostname), std::pair("domainname", &spec.domainname)})
            if (!text->empty() && value != *text && (name == fmt::format("kernel.{}", field) || name == fmt::format("kernel/{}", field)))
                return Error::of(EINVAL, "linux.sysctl: '{}' is '{}', and field '{}' is '{}'; leave one of them out", name, value, field, *text);
    if (!spec.linux_.net_devices.empty() && !spec.linux_.find(NamespaceType::network)) return Error::of(EINVAL, "linux.netDevices needs a network namespace");
    return check_mount_namespace(spec);
}

} // namespace

Result<Runtime> parse_runtime(Json const& json) {
    Runtime spec;
    spec.oci_version = TRY(required_string(json, "ociVersion"));
    if (!is_semantic_version(spec.oci_version)) return Error::of(EINVAL, "field 'ociVersion': '{}' is not a version such as 1.2.0", spec.oci_version);
    if (!spec.oci_version.starts_with("1.")) return Error::of(ENOTSUP, "field 'ociVersion': version {} is not 1.x", spec.oci_version);
    TRY(refuse(json, {"vm", "windows", "solaris", "zos"}));
    for (auto const field : {"root", "hostname", "domainname", "mounts", "hooks", "linux", "annotations"})
        if (auto const* const value = json.find(field)) TRY(refuse_nul(*value, field));
    if (auto const* const process = json.find("process")) spec.process = TRY(parse_process(*process).while_doing("process"));
    if (json.find("root")) {
        auto const& root = *TRY(object(json, "root"));
        spec.root_path = TRY(required_string(root, "path").while_doing("root"));
        spec.root_readonly = TRY(root.bool_or("readonly", false));
    }
    spec.hostname = TRY(json.string_or("hostname", ""));
    spec.domainname = TRY(json.string_or("domainname", ""));
    for (auto const& mount : *TRY(elements(json, "mounts"))) spec.mounts.push_back(TRY(parse_mount(mount).while_doing("mounts")));
    auto const& hooks = *TRY(object(json, "hooks"));
    spec.hooks.prestart = TRY(parse_hooks(hooks, "prestart"));
    spec.hooks.create_runtime = TRY(parse_hooks(hooks, "createRuntime"));
    spec.hooks.create_container = TRY(parse_hooks(hooks, "createContainer"));
    spec.hooks.start_container = TRY(parse_hooks(hooks, "startContainer"));
    spec.hooks.poststart = TRY(parse_hooks(hooks, "poststart"));
    spec.hooks.poststop = TRY(parse_hooks(hooks, "poststop"));
    spec.linux_ = TRY(parse_linux(*TRY(object(json, "linux"))).while_doing("linux"));
    // Until 1.3 the field had to be there, and engines wrote 0 for no limit.
    if (spec.linux_.resources.pids_limit == 0 && is_before_1_3(spec.oci_version)) spec.linux_.resources.pids_limit.reset();
    spec.annotations = TRY(json.string_map("annotations"));
    for (auto const& [key, value] : spec.annotations)
        if (key.empty()) return Error::of(EINVAL, "field 'annotations' has an empty key");
    TRY(check(spec));
    return spec;
}

} // namespace bolt::spec
