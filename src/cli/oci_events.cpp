// bolt-oci events: what a container uses, as runc prints it.
#include <chrono>

#include <poll.h>

#include "base/text.h"

#include <algorithm>
#include "cli/oci_commands.h"
#include "cli/output.h"
#include "oci/cgroup_usage.h"
#include "oci/memory_events.h"
#include "sys/fd.h"

namespace bolt::cli::oci_command {

namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

struct EventsOptions {
    milliseconds interval{5000};
    bool once = false;
};

Result<milliseconds> parse_interval(std::string_view text) {
    auto const interval = std::chrono::duration_cast<milliseconds>(TRY(parse_duration(text)));
    if (interval.count() <= 0) return Error::of(EINVAL, "an interval must be a millisecond or longer");
    return interval;
}

constexpr Option options_of_events[] = {
    {"interval", 0, "duration", "time between two lines (default 5s)", Set<EventsOptions>::parsed<&EventsOptions::interval, parse_interval>},
    {"stats", 0, "", "one line, and the end", Set<EventsOptions>::flag<&EventsOptions::once>},
};

Result<void> print_event(std::string_view type, std::string const& id, Json data) {
    Json event;
    event.set("type", type).set("id", id);
    if (!data.is_null()) event.set("data", std::move(data));
    return print(event.dump() + "\n");
}

// Lines until init has ended. Kills for memory are looked for more often than the caller wants to hear of usage.
Result<void> follow(ContainerRecord const& record, FdRef init, EventsOptions const& options) {
    constexpr milliseconds longest_pause{100};
    auto const memory = oci::MemoryEvents::of_directories(record.cgroup);
    auto kills = memory.kills();
    auto next = SteadyClock::now() + options.interval;
    for (;;) {
        pollfd watched{init.number(), POLLIN, 0};
        auto const left = std::chrono::ceil<milliseconds>(next - SteadyClock::now());
        int const ready = ::poll(&watched, 1, static_cast<int>(std::clamp(left, milliseconds{0}, longest_pause).count()));
        if (ready < 0 && errno != EINTR) return Error::from_errno("wait for the container");
        for (auto const now = memory.kills(); kills < now; ++kills) TRY(print_event("oom", record.id, {}));
        if (ready > 0 || !TRY(find_init(record))) return {};
        if (SteadyClock::now() < next) continue;
        TRY(print_event("stats", record.id, TRY(oci::usage_of(record.cgroup))));
        next += options.interval;
    }
}

Result<void> show_events(std::string const& id, EventsOptions const& options) {
    auto const directory = TRY(ContainerDirectory::of(globals().root, id));
    auto const record = TRY(directory.read());
    auto const init = TRY(find_init(record));
    if (!init) return Error::of(ESRCH, "container '{}' is not running", id);
    if (record.cgroup.empty()) return Error::of(ENOTSUP, "container '{}' has no cgroup of its own, so nobody counts what it uses", id);
    if (!options.once) return follow(record, *init, options);
    return print_event("stats", id, TRY(oci::usage_of(record.cgroup)));
}

} // namespace

std::span<Option const> const events_options = options_of_events;

int events(Command const& command, Words const& words) {
    EventsOptions options;
    auto const parsed = parse(command, words, &options);
    if (parsed.exit_code) return *parsed.exit_code;
    auto const shown = show_events(parsed.words[0], options);
    return shown ? 0 : complain(shown.error());
}

} // namespace bolt::cli::oci_command
