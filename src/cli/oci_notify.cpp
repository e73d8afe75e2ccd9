#include "cli/oci_notify.h"

#include <algorithm>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"
#include "sys/unix_socket.h"

namespace bolt::cli {

namespace {

constexpr char directory_name[] = "notify", socket_name[] = "notify.sock", inside[] = "/run/notify";

char const* find_manager() {
    char const* const address = getenv("NOTIFY_SOCKET");
    return address && (*address == '/' || *address == '@') ? address : nullptr;
}

// What changes the service and not the container's part in it is not the container's to say.
bool may_say(std::string_view line) {
    constexpr std::string_view names[] = {"READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1", "STATUS=", "ERRNO=", "EXTEND_TIMEOUT_USEC="};
    return std::ranges::any_of(names, [&](auto const name) { return name.ends_with('=') ? line.starts_with(name) : line == name; });
}

// sd_notify_barrier(3): the manager looks up who sent something, so the sender stays until that is done.
void await_manager(std::string const& manager) {
    constexpr int patience = 5000;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return;
    UniqueFd const ours(ends[0]);
    UniqueFd theirs(ends[1]);
    if (!send_to(manager, "BARRIER=1", theirs)) return;
    theirs.close();
    pollfd closed{ours.number(), 0, 0};
    poll(&closed, 1, patience);
}

} // namespace

bool has_notification(HostPath const& container_directory) { return exists(container_directory / directory_name); }

Result<void> add_notification_mount(HostPath const& container_directory, spec::Runtime& spec) {
    auto const directory = container_directory / directory_name;
    TRY(make_directories(directory, 0755));
    if (chmod(directory.c_str(), 0755) < 0) return Error::from_errno("open '{}' to the container", directory);
    spec.mounts.push_back({.destination = inside, .type = "bind", .source = directory.text(), .options = {"bind", "nosuid", "noexec", "nodev", "ro"}});
    return {};
}

Result<void> offer_notification(HostPath const& container_directory, spec::Runtime& spec) {
    if (!find_manager() || !spec.process || !spec.linux_.makes(spec::NamespaceType::mount)) return {};
    TRY(add_notification_mount(container_directory, spec));
    std::erase_if(spec.process->env, [](auto const& variable) { return variable.starts_with("NOTIFY_SOCKET="); });
    spec.process->env.push_back(fmt::format("NOTIFY_SOCKET={}/{}", inside, socket_name));
    return {};
}

Result<std::optional<NotifyRelay>> NotifyRelay::open(HostPath const& container_directory) {
    auto const directory = container_directory / directory_name;
    auto const* const manager = find_manager();
    if (!manager || !exists(directory)) return std::optional<NotifyRelay>();
    auto const path = directory / socket_name;
    auto socket = TRY(receive_at(path));
    // Any user of the container may speak.
    if (chmod(path.c_str(), 0777) < 0) return Error::from_errno("open '{}' to the container", path);
    return std::optional(NotifyRelay(std::move(socket), manager));
}

Result<bool> NotifyRelay::pass_on(std::optional<pid_t> main_pid) const {
    char buffer[4096];
    auto const length = read(socket_.number(), buffer, sizeof buffer);
    if (length < 0) return errno == EINTR || errno == EAGAIN ? Result<bool>(false) : Error::from_errno("hear what the container notifies");
    bool is_ready = false;
    std::string text;
    for (auto const line : split({buffer, static_cast<std::size_t>(length)}, '\n')) {
        is_ready = is_ready || line == "READY=1";
        if (may_say(line)) text += fmt::format("{}\n", line);
    }
    if (main_pid && is_ready) text += fmt::format("MAINPID={}\n", *main_pid);
    if (!text.empty()) TRY(send_to(manager_, text).while_doing("NOTIFY_SOCKET"));
    return is_ready;
}

Result<void> NotifyRelay::pass_on_until_ready(FdRef init, pid_t main_pid) const {
    for (;;) {
        pollfd watched[] = {{socket_.number(), POLLIN, 0}, {init.number(), POLLIN, 0}};
        if (poll(watched, 2, -1) < 0 && errno != EINTR) return Error::from_errno("wait for the container to be ready");
        if (watched[0].revents != 0) {
            if (!TRY(pass_on(main_pid))) continue;
            await_manager(manager_);
            return {};
        } else if (watched[1].revents != 0) {
            return {};
        }
    }
}

} // namespace bolt::cli
