// bolt-scope: asks systemd for a container's scope, and holds it until the container is in. The conversation is in oci/scope.h.
#include <csignal>
#include <cstdio>
#include <string_view>

#include <unistd.h>

#include "oci/scope.h"
#include "sys/channel.h"
#include "sys/process.h"

namespace {

using namespace bolt;

Result<void> perform(std::string_view what, SystemdManager manager, std::string const& unit, Channel const& channel) {
    auto const message = TRY(channel.receive());
    if (!message) return Error::of(EPROTO, "nobody says what the scope is to be");
    auto const document = TRY(Json::parse(message->bytes));
    if (what == "stop") return stop_unit(manager, unit);
    if (what == "attach" || what == "adopt") {
        auto const pid = static_cast<pid_t>(TRY(document.integer_or("pid", 0)));
        if (pid <= 0) return Error::of(EPROTO, "nobody says which process the scope is for");
        if (what == "attach") return attach_to_unit(manager, unit, TRY(document.string_or("subgroup", "")), pid);
        auto const* const properties = document.find("properties");
        return move_into_new_scope(manager, pid, unit, TRY(oci::parse_properties(properties ? *properties : Json::array())));
    }
    auto properties = TRY(oci::parse_properties(document));
    if (what == "set") return set_unit_properties(manager, unit, properties);
    return move_into_new_scope(manager, getpid(), unit, std::move(properties));
}

} // namespace

int main(int count, char** arguments) {
    std::string_view const what = count == 4 ? arguments[1] : "", manager = count == 4 ? arguments[2] : "";
    if ((what != "start" && what != "adopt" && what != "set" && what != "attach" && what != "stop") || (manager != "system" && manager != "user")) {
        std::fputs("bolt-scope: this is a part of bolt and bolt-oci; see bolt-oci(8), --systemd-cgroup\n", stderr);
        return 1;
    }
    (void)set_parent_death_signal(SIGKILL).ok(); // the channel's end says the same a little later, ignoring
    Channel const channel{UniqueFd(oci::Scope::channel_number)};
    auto const done = perform(what, manager == "system" ? SystemdManager::system : SystemdManager::user, arguments[3], channel);
    bool const told = send_report(channel, done).ok();
    if (!told || !done) return 1;
    if (what == "start") (void)channel.receive().ok(); // the end, whichever way it comes
    return 0;
}
