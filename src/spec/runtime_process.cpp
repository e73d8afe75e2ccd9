#include <algorithm>
#include <cstdlib>

#include "spec/fields.h"
#include "spec/runtime.h"

namespace bolt::spec {

namespace {

Result<User> parse_user(Json const& json) {
    User user;
    if (json.find_object() && !json.find_object()->empty()) TRY(require(json, {"uid", "gid"}));
    user.uid = TRY(id(json, "uid"));
    user.gid = TRY(id(json, "gid"));
    user.umask = TRY(find_bounded<mode_t>(json, "umask"));
    for (auto const& gid : *TRY(elements(json, "additionalGids"))) {
        auto const* const number = gid.find_integer();
        if (!number || *number < 0 || *number > 0xffff'fffe) return Error::of(EINVAL, "field 'additionalGids' holds what is not a group id");
        user.additional_gids.push_back(static_cast<gid_t>(*number));
    }
    return user;
}

Result<Capabilities> parse_capabilities(Json const& json) {
    Capabilities sets;
    sets.bounding = TRY(json.strings("bounding"));
    sets.effective = TRY(json.strings("effective"));
    sets.inheritable = TRY(json.strings("inheritable"));
    sets.permitted = TRY(json.strings("permitted"));
    sets.ambient = TRY(json.strings("ambient"));
    return sets;
}

Result<Rlimit> parse_rlimit(Json const& json) {
    Rlimit limit;
    limit.type = TRY(required_string(json, "type"));
    TRY(require(json, {"soft", "hard"}).while_doing("{}", limit.type));
    limit.soft = TRY(json.unsigned_or("soft", 0));
    limit.hard = TRY(json.unsigned_or("hard", 0));
    return limit;
}

Result<Scheduler> parse_scheduler(Json const& json) {
    Scheduler scheduler;
    scheduler.policy = TRY(required_string(json, "policy"));
    scheduler.nice = TRY(bounded<std::int32_t>(json, "nice", 0));
    scheduler.priority = TRY(bounded<std::int32_t>(json, "priority", 0));
    scheduler.flags = TRY(json.strings("flags"));
    scheduler.runtime = TRY(json.unsigned_or("runtime", 0));
    scheduler.deadline = TRY(json.unsigned_or("deadline", 0));
    scheduler.period = TRY(json.unsigned_or("period", 0));
    return scheduler;
}

Result<IoPriority> parse_io_priority(Json const& json) {
    IoPriority wanted;
    wanted.io_class = TRY(required_string(json, "class"));
    TRY(require(json, {"priority"}));
    wanted.priority = TRY(bounded<std::int32_t>(json, "priority", 0));
    if (wanted.priority < 0 || wanted.priority > 7) return Error::of(EINVAL, "field 'priority' is {}, not between 0 and 7", wanted.priority);
    return wanted;
}

} // namespace

Result<Process> parse_process(Json const& json) {
    TRY(refuse_nul(json, "process"));
    Process process;
    process.terminal = TRY(json.bool_or("terminal", false));
    if (auto const* const size = json.find("consoleSize"); size && process.terminal) {
        TRY(require(*size, {"height", "width"}).while_doing("consoleSize"));
        ConsoleSize wanted;
        wanted.height = TRY(bounded<unsigned short>(*size, "height", 0));
        wanted.width = TRY(bounded<unsigned short>(*size, "width", 0));
        process.console_size = wanted;
    }
    process.user = TRY(parse_user(*TRY(object(json, "user"))).while_doing("user"));
    process.args = TRY(json.strings("args"));
    if (process.args.empty()) return Error::of(EINVAL, "field 'args' is missing or empty: there is nothing to run");
    process.env = TRY(json.strings("env"));
    process.cwd = TRY(required_string(json, "cwd"));
    if (process.cwd[0] != '/') return Error::of(EINVAL, "field 'cwd': '{}' is not an absolute path", process.cwd);
    if (auto const* const sets = json.find("capabilities")) process.capabilities = TRY(parse_capabilities(*sets).while_doing("capabilities"));
    for (auto const& variable : process.env)
        if (variable.find('=') == variable.npos || variable.starts_with('=')) return Error::of(EINVAL, "field 'env': '{}' is not NAME=VALUE", variable);
    for (auto const& element : *TRY(elements(json, "rlimits"))) {
        auto limit = TRY(parse_rlimit(element).while_doing("rlimits"));
        if (std::ranges::find(process.rlimits, limit.type, &Rlimit::type) != process.rlimits.end()) return Error::of(EINVAL, "field 'rlimits': {} is there twice", limit.type);
        process.rlimits.push_back(std::move(limit));
    }
    process.no_new_privileges = TRY(json.bool_or("noNewPrivileges", false));
    process.oom_score_adj = TRY(find_bounded<int>(json, "oomScoreAdj"));
    if (process.oom_score_adj && std::abs(*process.oom_score_adj) > 1000) return Error::of(EINVAL, "field 'oomScoreAdj' is {}, not between -1000 and 1000", *process.oom_score_adj);
    process.apparmor_profile = TRY(json.string_or("apparmorProfile", ""));
    process.selinux_label = TRY(json.string_or("selinuxLabel", ""));
    if (auto const* const scheduler = json.find("scheduler"); scheduler && !is_empty(*scheduler)) process.scheduler = TRY(parse_scheduler(*scheduler).while_doing("scheduler"));
    if (auto const* const priority = json.find("ioPriority"); priority && !is_empty(*priority)) process.io_priority = TRY(parse_io_priority(*priority).while_doing("ioPriority"));
    auto const& affinity = *TRY(object(json, "execCPUAffinity"));
    process.exec_cpu_affinity.initial = TRY(affinity.string_or("initial", ""));
    process.exec_cpu_affinity.final = TRY(affinity.string_or("final", ""));
    return process;
}

} // namespace bolt::spec
