#include "cli/each.h"

#include <algorithm>

#include "cli/output.h"
#include "sys/process.h"

namespace bolt::cli {

namespace {

Result<void> act_on(engine::Installation const& here, std::string const& name, ContainerAction const& act) {
    auto const container = TRY(engine::find_container(here, name));
    return act(here, container);
}

// More processes than this at a time would be a burden rather than a help.
constexpr std::size_t most_at_once = 32;

} // namespace

Result<int> for_each_container(Words const& names, ContainerAction const& act) {
    auto const here = TRY(engine::open_installation());
    int code = 0;
    for (auto const& name : names) {
        if (auto const done = act_on(here, name, act); !done) {
            say(done.error().text());
            code = 1;
            continue;
        }
        TRY(print(name + "\n"));
    }
    return code;
}

Result<int> for_all_containers_at_once(Words const& names, ContainerAction const& act) {
    if (names.size() == 1) return for_each_container(names, act);
    auto const here = TRY(engine::open_installation());
    int code = 0;
    for (std::size_t first = 0; first < names.size(); first += most_at_once) {
        auto const end = std::min(names.size(), first + most_at_once);
        std::vector<Process> children;
        for (auto at = first; at < end; ++at) {
            auto child = TRY(clone_process({}, [&, at] {
                auto const done = act_on(here, names[at], act);
                if (!done) say(done.error().text());
                return done ? 0 : 1;
            }));
            children.push_back(std::move(child));
        }
        for (auto at = first; at < end; ++at) {
            auto const ended = TRY(children[at - first].wait());
            if (ended.signal != 0) say(fmt::format("the process that acted on '{}' {}", names[at], ended.text()));
            if (ended.shell_code() == 0) TRY(print(names[at] + "\n"));
            else code = 1;
        }
    }
    return code;
}

} // namespace bolt::cli
