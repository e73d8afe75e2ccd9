#include "spec/fields.h"
#include "spec/runtime_parts.h"

namespace bolt::spec {

Result<Seccomp> parse_seccomp(Json const& json) {
    Seccomp seccomp;
    seccomp.default_action = TRY(required_string(json, "defaultAction"));
    seccomp.default_errno_return = TRY(find_bounded<unsigned>(json, "defaultErrnoRet"));
    seccomp.architectures = TRY(json.strings("architectures"));
    seccomp.flags = TRY(json.strings("flags"));
    for (auto const& entry : *TRY(elements(json, "syscalls"))) {
        SeccompRule rule;
        rule.names = TRY(entry.strings("names"));
        if (rule.names.empty()) return Error::of(EINVAL, "syscalls: field 'names' is missing or empty");
        rule.action = TRY(required_string(entry, "action"));
        rule.errno_return = TRY(find_bounded<unsigned>(entry, "errnoRet"));
        for (auto const& argument : *TRY(elements(entry, "args"))) {
            TRY(require(argument, {"index", "value", "op"}).while_doing("syscalls: args"));
            SeccompArgument parsed;
            parsed.index = TRY(bounded<unsigned>(argument, "index", 0));
            parsed.value = TRY(argument.unsigned_or("value", 0));
            parsed.value_two = TRY(argument.unsigned_or("valueTwo", 0));
            parsed.op = TRY(required_string(argument, "op"));
            rule.args.push_back(std::move(parsed));
        }
        seccomp.syscalls.push_back(std::move(rule));
    }
    seccomp.listener_path = TRY(json.string_or("listenerPath", ""));
    seccomp.listener_metadata = TRY(json.string_or("listenerMetadata", ""));
    return seccomp;
}

} // namespace bolt::spec
