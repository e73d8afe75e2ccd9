// bolt-monitor: stays with one container. Started by bolt with two descriptors; what they carry is in monitor/request.h and
// monitor/messages.h, what it does in monitor/monitor.h.
#include <cstdio>
#include <string_view>

#include <unistd.h>

#include "base/text.h"

#include <algorithm>
#include "monitor/monitor.h"
#include "sys/channel.h"

namespace {

using namespace bolt;

struct Arguments {
    std::optional<int> request, channel, lock;
    bool help = false, version = false;
};

struct Option {
    std::string_view name, argument, help;
    Result<void> (*set)(Arguments&, std::string_view);
};

Result<int> parse_descriptor(std::string_view text) {
    auto const number = TRY(parse_unsigned(text));
    if (number < 3 || number > 1'000'000) return Error::of(EINVAL, "'{}' is not a descriptor above the standard streams", text);
    return static_cast<int>(number);
}

constexpr Option options[] = {
    {"--request-fd", "N", "descriptor of a file with the container's request, as JSON",
     [](Arguments& arguments, std::string_view text) -> Result<void> {
         arguments.request = TRY(parse_descriptor(text));
         return {};
     }},
    {"--channel-fd", "N", "descriptor of a SEQPACKET socket to whoever starts the container",
     [](Arguments& arguments, std::string_view text) -> Result<void> {
         arguments.channel = TRY(parse_descriptor(text));
         return {};
     }},
    {"--lock-fd", "N", "descriptor of the container's lock, held to the end",
     [](Arguments& arguments, std::string_view text) -> Result<void> {
         arguments.lock = TRY(parse_descriptor(text));
         return {};
     }},
    {"--help", "", "show this text",
     [](Arguments& arguments, std::string_view) -> Result<void> {
         arguments.help = true;
         return {};
     }},
    {"--version", "", "show the version",
     [](Arguments& arguments, std::string_view) -> Result<void> {
         arguments.version = true;
         return {};
     }},
};

// What is no option is a title: the container's id and name, for ps(1).
Result<Arguments> parse_arguments(std::span<char* const> texts) {
    Arguments arguments;
    for (std::size_t at = 0; at < texts.size(); ++at) {
        std::string_view const text = texts[at];
        if (!text.starts_with("--")) continue;
        auto const* const option = std::find_if(std::begin(options), std::end(options), [&](Option const& known) { return known.name == text; });
        if (option == std::end(options)) return Error::of(EINVAL, "there is no option '{}'; see bolt-monitor --help", text);
        if (!option->argument.empty() && ++at == texts.size()) return Error::of(EINVAL, "option '{}' needs a value", text);
        TRY(option->set(arguments, option->argument.empty() ? std::string_view() : texts[at]).while_doing("option '{}'", text));
    }
    if (!arguments.help && !arguments.version && (!arguments.request || !arguments.channel))
        return Error::of(EINVAL, "bolt-monitor is started by bolt, with --request-fd and --channel-fd; use 'bolt run'");
    return arguments;
}

std::string help_text() {
    std::string text = "Usage: bolt-monitor --request-fd N --channel-fd N [TITLE...]\n\nStays with one container; bolt starts it.\n\n";
    for (auto const& option : options) text += fmt::format("  {:<18} {}\n", fmt::format("{} {}", option.name, option.argument), option.help);
    return text;
}

int fail(Error const& error) {
    auto const text = fmt::format("bolt-monitor: {}\n", error.text());
    (void)!write(2, text.data(), text.size());
    return 125;
}

} // namespace

int main(int argc, char** argv) {
    auto const arguments = parse_arguments({argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)});
    if (!arguments) return fail(arguments.error());
    if (arguments.value().help || arguments.value().version) {
        auto const text = arguments.value().help ? help_text() : fmt::format("bolt-monitor {}\n", BOLT_VERSION);
        return write_all(FdRef(1), text) ? 0 : 1;
    }
    UniqueFd request(*arguments.value().request), channel(*arguments.value().channel), lock(arguments.value().lock.value_or(-1));
    for (auto const* const fd : {&request, &channel, &lock}) {
        if (!fd->is_open()) continue; // only the lock may be missing
        if (auto const set = set_on_exec(*fd, OnExec::close); !set) return fail(set.error());
    }
    return monitor::run_monitor(Channel(std::move(channel)), std::move(request), std::move(lock));
}
