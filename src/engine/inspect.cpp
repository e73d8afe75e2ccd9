// docker inspect's document: what was asked for is in the record, what is true now in the state.
#include "engine/containers.h"

#include <algorithm>
#include "engine/monitor_calls.h"
#include "engine/record.h"

namespace bolt::engine {

namespace {

constexpr std::string_view never = "0001-01-01T00:00:00Z"; // Go's zero time

std::string time_text(std::optional<Time> const& time) { return time ? format_rfc3339(*time) : std::string(never); }

Json state_json(monitor::State const& state) {
    using monitor::Status;
    bool const running = state.status == Status::running || state.status == Status::paused;
    Json document;
    document.set("Status", monitor::to_text(state.status)).set("Running", running).set("Paused", state.status == Status::paused);
    document.set("Restarting", state.status == Status::restarting).set("OOMKilled", state.oom_killed).set("Dead", false);
    document.set("Pid", running ? state.pid : 0).set("ExitCode", running ? 0 : state.exit_code).set("Error", state.error);
    document.set("StartedAt", time_text(state.started_at)).set("FinishedAt", time_text(state.finished_at));
    return document;
}

// "0.0.0.0:8080->80/tcp" into docker's {"80/tcp": [{"HostIp": …, "HostPort": …}]}; exposed but not published ports are null.
Json ports_json(monitor::State const& state, Json const* exposed) {
    Json::Object members;
    for (auto const& text : state.ports) {
        auto const arrow = text.find("->");
        auto const colon = text.rfind(':', arrow);
        if (arrow == text.npos || colon == text.npos) continue;
        auto const key = text.substr(arrow + 2);
        auto address = text.substr(0, colon);
        if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
        auto place = std::ranges::find(members, key, &Json::Member::first);
        if (place == members.end()) place = members.insert(members.end(), {key, Json::array()});
        place->second.push(Json().set("HostIp", address).set("HostPort", text.substr(colon + 1, arrow - colon - 1)));
    }
    if (exposed && exposed->find_object())
        for (auto const& [key, nothing] : *exposed->find_object())
            if (std::ranges::find(members, key, &Json::Member::first) == members.end()) members.emplace_back(key, Json());
    return members;
}

Json network_json(Container const& container, Json const* config) {
    bool const running = container.state.status == monitor::Status::running;
    Json networks;
    networks.set(container.record.network, Json::object());
    Json document;
    document.set("Ports", running ? ports_json(container.state, config ? config->find("ExposedPorts") : nullptr) : Json::object());
    document.set("Networks", std::move(networks));
    return document;
}

Json overlay_json(Json const& request) {
    auto const* const overlay = request.find("overlay");
    Json layers;
    if (!overlay) return layers;
    auto const lower = overlay->strings("lowers");
    layers.set("LowerDir", lower ? join(lower.value(), ":") : "");
    for (auto const& [theirs, ours] : {std::pair("UpperDir", "upper"), std::pair("WorkDir", "work")})
        if (auto const path = overlay->string_or(ours, "")) layers.set(theirs, path.value());
    return layers;
}

std::vector<std::string> arguments_of(Record const& record) {
    return record.command.empty() ? std::vector<std::string>() : std::vector(record.command.begin() + 1, record.command.end());
}

Json member_or(Json const& document, std::string_view key, Json fallback) {
    auto const* const found = document.find(key);
    return found ? *found : std::move(fallback);
}

} // namespace

Result<Json> inspect_container(Installation const& here, Container const& container) {
    auto const& record = container.record;
    auto const run_directory = run_directory_of(here, container);
    auto const options = TRY(options_of(record));
    Json document;
    document.set("Id", record.id).set("Created", format_rfc3339(record.created)).set("Path", record.command.empty() ? "" : record.command.front());
    document.set("Args", arguments_of(record).empty() ? Json::array() : Json(arguments_of(record))).set("State", state_json(container.state)).set("Image", record.image_id);
    for (auto const& [key, file] : {std::pair("ResolvConfPath", "resolv.conf"), std::pair("HostnamePath", "hostname"), std::pair("HostsPath", "hosts")})
        document.set(key, (run_directory / file).text());
    document.set("LogPath", (here.layout.containers() / record.id / "log").text()).set("Name", "/" + record.name).set("RestartCount", container.state.restart_count);
    document.set("Driver", "overlay").set("Platform", "linux").set("MountLabel", "").set("ProcessLabel", "").set("AppArmorProfile", "").set("ExecIDs", Json());
    document.set("HostConfig", member_or(options, "HostConfig", Json::object()));
    document.set("GraphDriver", Json().set("Name", "overlay").set("Data", overlay_json(TRY(request_of(record)))));
    document.set("Mounts", record.mounts.find_array() ? record.mounts : Json::array()).set("Config", member_or(options, "Config", Json::object()));
    document.set("NetworkSettings", network_json(container, options.find("Config")));
    return document;
}

} // namespace bolt::engine
