#include "monitor/process_document.h"

#include "base/text.h"
#include "sys/credentials.h"
#include "sys/file.h"

namespace bolt::monitor {

namespace {

Json all_capabilities(unsigned last) {
    auto names = capability_names();
    if (names.size() > last + 1) names.resize(last + 1);
    Json sets;
    for (auto const* const set : {"bounding", "effective", "permitted"}) sets.set(set, names);
    return sets;
}

} // namespace

Result<Json> tenant_process(Json const& spec, ExecRequest const& request, ContainerUser const& user, unsigned last_capability) {
    auto const* const own = spec.find("process");
    if (!own || !own->find_object()) return Error::of(EINVAL, "the container's configuration has no 'process' object");
    auto process = *own;
    auto const replace = [&](std::string_view key, Json value) {
        std::erase_if(*process.find_object(), [&](auto const& member) { return member.first == key; });
        process.set_unless_empty(key, std::move(value));
    };
    replace("terminal", request.terminal);
    Json size;
    if (request.terminal && request.rows != 0) size.set("height", int{request.rows}).set("width", int{request.columns});
    replace("consoleSize", std::move(size));
    replace("user", to_json(user));
    replace("args", request.arguments);
    replace("env", request.environment);
    replace("cwd", request.working_directory ? *request.working_directory : TRY(own->string_or("cwd", "/")));
    if (request.privileged) {
        replace("capabilities", all_capabilities(last_capability));
        replace("noNewPrivileges", false);
        replace("apparmorProfile", Json());
    }
    return process;
}

unsigned last_capability_of_kernel() {
    auto const text = read_file(HostPath::parse("/proc/sys/kernel/cap_last_cap").value());
    auto const number = text ? parse_unsigned(trim(text.value())) : Result<std::uint64_t>(text.error());
    return number ? static_cast<unsigned>(number.value()) : static_cast<unsigned>(capability_names().size() - 1);
}

} // namespace bolt::monitor
