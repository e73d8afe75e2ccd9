#include "oci/hooks.h"

#include <algorithm>
#include <chrono>
#include <climits>

#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::oci {

namespace {

// A file and not a pipe: a hook need not read it, and one that prints much does not block.
Result<UniqueFd> file_with(char const* name, std::string_view text) {
    auto file = TRY(make_memory_file(name));
    TRY(write_all(file, text));
    if (lseek(file.number(), 0, SEEK_SET) < 0) return Error::from_errno("rewind a memory file");
    return file;
}

std::string end_of_output(FdRef output) {
    constexpr off_t shown = 1024;
    auto const size = lseek(output.number(), 0, SEEK_END);
    if (size <= 0 || lseek(output.number(), std::max<off_t>(0, size - shown), SEEK_SET) < 0) return "";
    auto const text = read_to_end(output);
    return text && !trim(text.value()).empty() ? fmt::format(": {}", trim(text.value())) : "";
}

Result<ExitStatus> wait_at_most(Process& process, std::optional<int> seconds) {
    if (!seconds || !process.pidfd().is_open()) return process.wait();
    using Clock = std::chrono::steady_clock;
    auto const end = Clock::now() + std::chrono::seconds(*seconds);
    for (;;) {
        pollfd watched{process.pidfd().number(), POLLIN, 0};
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
        int const ready = poll(&watched, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX)));
        if (ready > 0) return process.wait();
        if (ready < 0 && errno != EINTR) return Error::from_errno("wait for the hook");
        if (ready == 0 && Clock::now() >= end) break;
    }
    // Those that it has started too: it leads a session.
    (void)::kill(-process.pid(), SIGKILL);
    TRY(process.kill(SIGKILL));
    TRY(process.wait());
    return Error::of(ETIMEDOUT, "it did not end within {} seconds and was killed", *seconds);
}

Result<void> run_hook(spec::Hook const& hook, std::string const& state, HookOutput const& printed, HookPlace const& place) {
    auto const input = TRY(file_with("hook-state", state));
    auto const output = TRY(make_memory_file("hook-output"));
    SpawnOptions options;
    options.arguments = hook.args.empty() ? std::vector{hook.path} : hook.args;
    options.environment = hook.env.empty() ? place.environment : hook.env;
    options.working_directory = place.directory;
    options.input = input;
    options.output = printed.output.is_open() ? FdRef(printed.output) : FdRef(output);
    options.new_session = true;
    options.dies_with_parent = true;
    options.error = printed.error.is_open() ? FdRef(printed.error) : FdRef(output);
    auto process = TRY(spawn(TRY(HostPath::parse(hook.path)), options));
    auto const ended = TRY(wait_at_most(process, hook.timeout));
    if (ended.shell_code() != 0) return Error::of(ECHILD, "it {}{}", ended.text(), end_of_output(output));
    return {};
}

Result<UniqueFd> open_to_append(std::string const& path) {
    if (path.empty()) return UniqueFd();
    return open_file(TRY(HostPath::parse(path)), O_WRONLY | O_APPEND | O_CREAT, 0644);
}

} // namespace

Result<HookOutput> open_hook_output(Annotations const& annotations) {
    auto output = TRY(open_to_append(annotations.hook_output).while_doing("annotation 'run.oci.hooks.stdout'"));
    auto error = TRY(open_to_append(annotations.hook_error).while_doing("annotation 'run.oci.hooks.stderr'"));
    return HookOutput{std::move(output), std::move(error)};
}

Result<void> run_hooks(std::string_view kind, std::vector<spec::Hook> const& hooks, std::string const& state, HookOutput const& printed, HookPlace const& place) {
    for (auto const& hook : hooks)
        if (auto const ran = run_hook(hook, state, printed, place); !ran) return Error::of(ECANCELED, "{} hook '{}': {}", kind, hook.path, ran.error().text());
    return {};
}

ErrorList run_all_hooks(std::string_view kind, std::vector<spec::Hook> const& hooks, std::string const& state, HookOutput const& printed, HookPlace const& place) {
    ErrorList errors;
    for (auto const& hook : hooks)
        if (auto ran = run_hook(hook, state, printed, place).while_doing("{} hook '{}'", kind, hook.path); !ran) errors.push_back(std::move(ran).error());
    return errors;
}

} // namespace bolt::oci
