#include "engine/systemd_scope.h"

#include <cstdlib>

#include <dlfcn.h>

#include "base/text.h"
#include "sys/cgroup_membership.h"
#include "sys/file.h"

// The few functions of sd-bus(3) that are used, as systemd/sd-bus.h declares them: the library is loaded, not linked.
extern "C" {
struct sd_bus;
struct sd_bus_message;
struct sd_bus_error {
    char const* name;
    char const* message;
    int need_free;
};
}

namespace bolt::engine {

namespace {

class Library {
public:
    static Result<Library> load() {
        void* const handle = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
        if (!handle) return Error::of(ENOENT, "libsystemd.so.0 is not installed");
        return Library(handle);
    }
    template <typename Function>
    Result<Function*> find(char const* name) const {
        auto* const found = reinterpret_cast<Function*>(dlsym(handle_, name));
        if (!found) return Error::of(ENOENT, "libsystemd.so.0 has no '{}'", name);
        return found;
    }

private:
    explicit Library(void* handle) : handle_(handle) {} // stays loaded: the process is short
    void* handle_;
};

// The user's systemd listens on a socket of its own beside the session bus; without it there is none to ask.
Result<void> require_user_systemd() {
    auto const* const runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && *runtime == '/' && exists(TRY(HostPath::parse(runtime)) / "systemd/private")) return {};
    return Error::of(ENOENT, "no systemd of this user is running (log in, or as root: loginctl enable-linger USER; and set XDG_RUNTIME_DIR)");
}

struct Bus {
    int (*open_user)(sd_bus**);
    int (*make)(sd_bus**);
    int (*set_address)(sd_bus*, char const*);
    int (*start)(sd_bus*);
    int (*call_method)(sd_bus*, char const*, char const*, char const*, char const*, sd_bus_error*, sd_bus_message**, char const*, ...);
    sd_bus* (*close)(sd_bus*);
};

Result<Bus> load_bus() {
    auto const library = TRY(Library::load());
    Bus bus{};
    bus.open_user = TRY(library.find<int(sd_bus**)>("sd_bus_open_user"));
    bus.make = TRY(library.find<int(sd_bus**)>("sd_bus_new"));
    bus.set_address = TRY(library.find<int(sd_bus*, char const*)>("sd_bus_set_address"));
    bus.start = TRY(library.find<int(sd_bus*)>("sd_bus_start"));
    bus.call_method =
        TRY(library.find<int(sd_bus*, char const*, char const*, char const*, char const*, sd_bus_error*, sd_bus_message**, char const*, ...)>("sd_bus_call_method"));
    bus.close = TRY(library.find<sd_bus*(sd_bus*)>("sd_bus_flush_close_unref"));
    return bus;
}

// The session bus, and where there is none (no dbus-user-session) systemd's own socket, as `systemctl --user` does.
Result<sd_bus*> connect(Bus const& bus) {
    sd_bus* connection = nullptr;
    if (bus.open_user(&connection) >= 0) return connection;
    auto const address = fmt::format("unix:path={}/systemd/private", getenv("XDG_RUNTIME_DIR"));
    int result = bus.make(&connection);
    if (result >= 0) result = bus.set_address(connection, address.c_str());
    if (result >= 0) result = bus.start(connection);
    if (result < 0) return Error::from_code(-result, fmt::format("connect to the user's systemd at '{}'", address));
    return connection;
}

Result<void> request_scope(pid_t pid, std::string const& unit, std::string const& description) {
    auto const bus = TRY(load_bus());
    auto* const connection = TRY(connect(bus));
    sd_bus_error error{};
    // StartTransientUnit(name, mode, properties a(sv), auxiliary units a(sa(sv))). Collect… lets a failed scope go.
    int const called = bus.call_method(connection, "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "StartTransientUnit", &error,
                                       nullptr, "ssa(sv)a(sa(sv))", unit.c_str(), "fail", 4, "Description", "s", description.c_str(), "Delegate", "b", 1, "PIDs", "au", 1,
                                       static_cast<std::uint32_t>(pid), "CollectMode", "s", "inactive-or-failed", 0);
    std::string const why = error.message ? error.message : fmt::format("error {}", -called); // the few bytes of `error` go with the process
    bus.close(connection);
    if (called < 0) return Error::of(EPROTO, "systemd refused to make '{}': {}", unit, why);
    return {};
}

// The job runs on after the call: the kernel's word is what counts.
Result<void> await_scope(pid_t pid, std::string const& unit) {
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    Backoff backoff;
    while (!TRY(unified_cgroup_of(pid)).ends_with("/" + unit)) {
        if (std::chrono::steady_clock::now() >= end) return Error::of(ETIMEDOUT, "systemd took longer than 5 seconds to make '{}'; look at `systemctl --user status`", unit);
        backoff.wait();
    }
    return {};
}

} // namespace

Result<void> move_into_new_scope(pid_t pid, std::string_view unit, std::string_view description) {
    TRY(require_user_systemd());
    std::string const name(unit);
    TRY(request_scope(pid, name, std::string(description)));
    return await_scope(pid, name);
}

} // namespace bolt::engine
