// bolt version, bolt info.
#include "cli/commands.h"

#include <algorithm>
#include "cli/host_facts.h"
#include "cli/list_format.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "engine/containers.h"
#include "image/platform.h"
#include "store/images.h"

namespace bolt::cli {

extern std::string_view const built_from; // revision.cpp.in

namespace {

struct FormatOptions {
    std::string format;
};
constexpr Option format_table[] = {
    {"format", 'f', "string", "Format output: 'json', or a Go template such as '{{.Client.Version}}'", Set<FormatOptions>::text<&FormatOptions::format>, "json"},
};

std::string_view revision() { return built_from.empty() ? "unknown" : built_from; }

std::string component_line(std::string_view name, HostPath const& path) { return fmt::format(" {:<18} {}\n", fmt::format("{}:", name), path); }

Result<int> version(FormatOptions& options, Words const&) {
    auto const platform = image::platform_of_host();
    auto const os_arch = fmt::format("{}/{}", platform.os, platform.architecture);
    if (!options.format.empty()) {
        Json client;
        client.set("Version", BOLT_VERSION).set("GitCommit", revision()).set("Os", platform.os).set("Arch", platform.architecture);
        TRY(print(TRY(format_document(options.format, Json().set("Client", std::move(client)), Json::Layout::compact))));
        return 0;
    }
    auto text = fmt::format("Client:\n {:<18} {}\n {:<18} {}\n {:<18} {}\n", "Version:", BOLT_VERSION, "Git commit:", revision(), "OS/Arch:", os_arch);
    auto const here = engine::open_installation();
    if (here) {
        text += "\nComponents:\n";
        text += component_line("bolt-monitor", here.value().monitor) + component_line("bolt-transfer", here.value().transfer) + component_line("bolt-init", here.value().init);
    }
    text += "\nThere is no server: bolt has no daemon.\n";
    TRY(print(text));
    if (!here) warn(here.error().text());
    return 0;
}

Result<Json> add_counts(engine::Installation const& here, Json facts) {
    auto const containers = TRY(engine::list_containers(here)).containers;
    auto const images = TRY(store::list_images(here.layout)).images;
    auto const count = [&](monitor::Status status) { return std::count_if(containers.begin(), containers.end(), [&](auto const& container) { return container.state.status == status; }); };
    auto const running = count(monitor::Status::running), paused = count(monitor::Status::paused);
    auto const total = static_cast<std::int64_t>(containers.size());
    facts.set("Containers", total).set("ContainersRunning", running).set("ContainersPaused", paused).set("ContainersStopped", total - running - paused);
    return facts.set("Images", static_cast<std::int64_t>(images.size())).set("ServerVersion", BOLT_VERSION).set("GitCommit", revision());
}

std::string text_at(Json const& facts, std::string_view key, std::string_view member = {}) {
    auto const* found = facts.find(key);
    if (found && !member.empty()) found = found->find(member);
    if (!found) return {};
    if (auto const* const number = found->find_integer()) return fmt::format("{}", *number);
    return found->find_string() ? *found->find_string() : std::string();
}

std::string info_lines(Json const& facts) {
    bool const rootless = facts.find("Rootless") && *facts.find("Rootless")->find_bool();
    std::string text;
    auto const line = [&](std::string_view name, std::string const& value) { text += fmt::format(" {}: {}\n", name, value); };
    text += fmt::format("Client:\n Version: {}\n Git commit: {}\n\nHere:\n", BOLT_VERSION, revision());
    line("Containers", text_at(facts, "Containers"));
    line(" Running", text_at(facts, "ContainersRunning"));
    line(" Paused", text_at(facts, "ContainersPaused"));
    line(" Stopped", text_at(facts, "ContainersStopped"));
    line("Images", text_at(facts, "Images"));
    line("User", fmt::format("{} ({})", text_at(facts, "User"), rootless ? "rootless" : "root"));
    line("User namespace", text_at(facts, "UserNamespace", "Mapping"));
    if (auto const problem = text_at(facts, "UserNamespace", "Problem"); !problem.empty()) line(" Problem", problem);
    line("Storage driver", text_at(facts, "Driver"));
    line(" Root directory", text_at(facts, "DockerRootDir"));
    line(" Runtime directory", text_at(facts, "RuntimeDir"));
    line(" Backing filesystem", text_at(facts, "BackingFilesystem"));
    line("Cgroup version", text_at(facts, "Cgroups", "Version"));
    line(" Limits", text_at(facts, "Cgroups", "Limits"));
    line("Networks", "none host pasta");
    line(" Outbound", text_at(facts, "Outbound"));
    line("Logging driver", text_at(facts, "LoggingDriver"));
    line("Seccomp profile", text_at(facts, "Seccomp"));
    line("Default runtime", text_at(facts, "DefaultRuntime"));
    line("Kernel version", text_at(facts, "KernelVersion"));
    line("Operating system", text_at(facts, "OperatingSystem"));
    line("Architecture", text_at(facts, "Architecture"));
    line("CPUs", text_at(facts, "NCPU"));
    line("Total memory", format_bytes(Bytes{static_cast<std::uint64_t>(*facts.find("MemTotal")->find_integer())}));
    line("Name", text_at(facts, "Name"));
    return text;
}

Result<int> info(FormatOptions& options, Words const&) {
    auto const here = TRY(engine::open_installation());
    auto const facts = TRY(add_counts(here, TRY(host_facts(here))));
    TRY(print(options.format.empty() ? info_lines(facts) : TRY(format_document(options.format, facts, Json::Layout::compact))));
    return 0;
}

} // namespace

constexpr Command version_command{.name = "version", .summary = "Show the bolt version information", .options = format_table, .perform = perform<FormatOptions, version>};
constexpr Command info_command{.name = "info", .summary = "Display system-wide information", .options = format_table, .perform = perform<FormatOptions, info>};

} // namespace bolt::cli
