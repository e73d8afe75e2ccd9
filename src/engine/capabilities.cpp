#include "engine/capabilities.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "sys/credentials.h"

namespace bolt::engine {

namespace {

constexpr std::string_view defaults[] = {
    "CAP_CHOWN",  "CAP_DAC_OVERRIDE",     "CAP_FOWNER",  "CAP_FSETID",     "CAP_KILL",  "CAP_SETGID",      "CAP_SETUID",
    "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_AUDIT_WRITE", "CAP_SETFCAP",
};

struct Named {
    std::set<std::string, std::less<>> names;
    bool all = false;
};

Result<Named> parse_names(std::vector<std::string> const& texts, std::vector<std::string> const& known) {
    Named named;
    for (auto const& text : texts) {
        std::string name;
        for (char const c : text) name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        if (name == "ALL" || name == "CAP_ALL") {
            named.all = true;
            continue;
        }
        if (!name.starts_with("CAP_")) name.insert(0, "CAP_");
        if (std::ranges::find(known, name) == known.end())
            return Error::of(EINVAL, "'{}' is not a capability; write a name of capabilities(7) such as NET_ADMIN, or ALL", text);
        named.names.insert(std::move(name));
    }
    return named;
}

} // namespace

std::span<std::string_view const> default_capabilities() { return defaults; }

Result<std::vector<std::string>> choose_capabilities(std::vector<std::string> const& add, std::vector<std::string> const& drop) {
    auto const known = capability_names();
    auto const added = TRY(parse_names(add, known));
    auto const dropped = TRY(parse_names(drop, known));
    std::vector<std::string> chosen;
    for (auto const& name : known) {
        bool const named_off = dropped.names.contains(name);
        bool const by_default = std::ranges::find(defaults, name) != std::end(defaults) && !dropped.all && !named_off;
        if (added.all ? !named_off : added.names.contains(name) || by_default) chosen.emplace_back(name);
    }
    return chosen;
}

} // namespace bolt::engine
