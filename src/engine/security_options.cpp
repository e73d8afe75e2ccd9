#include "engine/security_options.h"

#include <algorithm>

#include "base/text.h"

namespace bolt::engine {

namespace {

enum class Opens { no, yes };
// ALL: of those that are hidden by default; only these can be opened.
Result<void> add_paths(std::vector<std::string>& paths, std::string_view list, std::string_view whole, Opens opens) {
    for (auto const path : split(list, ':')) {
        bool const is_all = opens == Opens::yes && (path == "ALL" || path == "all");
        if (!is_all && !path.starts_with('/')) return Error::of(EINVAL, "'{}' in the security option '{}' is not an absolute path", path, whole);
        paths.emplace_back(is_all ? "ALL" : path);
    }
    return {};
}

Result<void> set_option(SecurityOptions& options, std::string_view text) {
    // '=' first: a profile's path may hold ':'.
    auto const field = text.find('=') != text.npos ? cut(text, '=') : cut(text, ':');
    auto const key = field.before, value = field.after;
    if (key == "seccomp" && value == "unconfined") options.seccomp = SeccompChoice::unconfined;
    else if (key == "seccomp" && (value == "builtin" || value == "default")) options.seccomp = SeccompChoice::standard;
    else if (key == "seccomp" && !value.empty()) {
        options.seccomp = SeccompChoice::file;
        options.seccomp_file = value;
    } else if (key == "no-new-privileges" && (!field.found || value == "true")) options.no_new_privileges = true;
    else if (key == "no-new-privileges" && value == "false") options.no_new_privileges = false;
    else if (key == "mask") return add_paths(options.masked, value, text, Opens::no);
    else if (key == "unmask") return add_paths(options.unmasked, value, text, Opens::yes);
    else if (key == "systempaths" && value == "unconfined") options.unmasked.emplace_back("ALL");
    else if ((key == "label" && value == "disable") || (key == "apparmor" && value == "unconfined")) return {};
    else if (key == "label")
        return Error::of(EINVAL, "the SELinux label '{}' cannot be applied: this bolt sets none; write label=disable or leave it out", value);
    else if (key == "apparmor")
        return Error::of(EINVAL, "the AppArmor profile '{}' cannot be applied: this bolt sets none; write apparmor=unconfined or leave it out", value);
    else
        return Error::of(EINVAL, "security option '{}' is not known; known are seccomp=, no-new-privileges, mask=, unmask=, label=disable and apparmor=unconfined", text);
    return {};
}

} // namespace

Result<SecurityOptions> parse_security_options(std::vector<std::string> const& texts) {
    SecurityOptions options;
    for (auto const& text : texts) TRY(set_option(options, text));
    return options;
}

HiddenPaths hidden_paths(SecurityOptions const& options) {
    HiddenPaths hidden{
        {"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
         "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware"},
        {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}};
    auto const is_unmasked = [&](std::string const& path) {
        return std::ranges::any_of(options.unmasked, [&](auto const& open) { return open == "ALL" || open == path; });
    };
    std::erase_if(hidden.masked, is_unmasked);
    std::erase_if(hidden.read_only, is_unmasked);
    hidden.masked.insert(hidden.masked.end(), options.masked.begin(), options.masked.end());
    return hidden;
}

} // namespace bolt::engine
