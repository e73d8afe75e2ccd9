#include "engine/options.h"

namespace bolt::engine {

Result<RestartOption> parse_restart_option(std::string_view text) {
    using monitor::RestartPolicy;
    auto const [word, count, found] = cut(text, ':');
    if (word == "on-failure") {
        if (!found) return RestartOption{RestartPolicy::on_failure, 0};
        auto const most = parse_unsigned(count);
        if (!most || most.value() > 1'000'000) return Error::of(EINVAL, "'{}' is not how often to restart; write on-failure or on-failure:3", text);
        return RestartOption{RestartPolicy::on_failure, static_cast<int>(most.value())};
    }
    if (found) return Error::of(EINVAL, "restart policy '{}' takes no count; only on-failure does", word);
    if (text == "no" || text.empty()) return RestartOption{RestartPolicy::no, 0};
    if (text == "always") return RestartOption{RestartPolicy::always, 0};
    if (text == "unless-stopped") return RestartOption{RestartPolicy::unless_stopped, 0};
    return Error::of(EINVAL, "restart policy '{}' is not known; write no, on-failure[:N], always or unless-stopped", text);
}

} // namespace bolt::engine
