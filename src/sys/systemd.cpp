#include "sys/systemd.h"

#include <chrono>
#include <cstdlib>

#include <dlfcn.h>

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

namespace bolt {

namespace {

class Library {
public:
    static Result<Library> load() {
        void* const handle = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
        if (!handle) return Error::of(ENOENT, "libsystemd.so.0 is not installed");
        return Library(handle);
    }
    template <typename Function>
    Result<void> find(Function*& function, char const* name) const {
        function = reinterpret_cast<Function*>(dlsym(handle_, name));
        if (!function) return Error::of(ENOENT, "libsystemd.so.0 has no '{}'", name);
        return {};
    }

private:
    explicit Library(void* handle) : handle_(handle) {} // stays loaded: the process is short
    void* handle_;
};

struct Bus {
    int (*open_user)(sd_bus**);
    int (*open_system)(sd_bus**);
    int (*make)(sd_bus**);
    int (*set_address)(sd_bus*, char const*);
    int (*start)(sd_bus*);
    int (*new_call)(sd_bus*, sd_bus_message**, char const*, char const*, char const*, char const*);
    int (*append)(sd_bus_message*, char, void const*);
    int (*append_array)(sd_bus_message*, char, void const*, std::size_t);
    int (*open_container)(sd_bus_message*, char, char const*);
    int (*close_container)(sd_bus_message*);
    int (*call)(sd_bus*, sd_bus_message*, std::uint64_t, sd_bus_error*, sd_bus_message**);
    sd_bus* (*close)(sd_bus*);
};

Result<Bus> load_bus() {
    auto const library = TRY(Library::load());
    Bus bus{};
    TRY(library.find(bus.open_user, "sd_bus_open_user"));
    TRY(library.find(bus.open_system, "sd_bus_open_system"));
    TRY(library.find(bus.make, "sd_bus_new"));
    TRY(library.find(bus.set_address, "sd_bus_set_address"));
    TRY(library.find(bus.start, "sd_bus_start"));
    TRY(library.find(bus.new_call, "sd_bus_message_new_method_call"));
    TRY(library.find(bus.append, "sd_bus_message_append_basic"));
    TRY(library.find(bus.append_array, "sd_bus_message_append_array"));
    TRY(library.find(bus.open_container, "sd_bus_message_open_container"));
    TRY(library.find(bus.close_container, "sd_bus_message_close_container"));
    TRY(library.find(bus.call, "sd_bus_call"));
    TRY(library.find(bus.close, "sd_bus_flush_close_unref"));
    return bus;
}

// systemd listens on a socket of its own beside the bus; without it there is none to ask.
Result<HostPath> own_socket(SystemdManager manager) {
    if (manager == SystemdManager::system) {
        auto socket = TRY(HostPath::parse("/run/systemd/private"));
        if (exists(socket)) return socket;
        return Error::of(ENOENT, "this host does not run systemd; leave '--systemd-cgroup' out");
    }
    auto const* const runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && *runtime == '/')
        if (auto socket = TRY(HostPath::parse(runtime)) / "systemd/private"; exists(socket)) return socket;
    return Error::of(ENOENT, "no systemd of this user is running (log in, or as root: loginctl enable-linger USER; and set XDG_RUNTIME_DIR)");
}

// The bus, and where there is none (no dbus) systemd's own socket, as systemctl(1) does.
Result<sd_bus*> connect(Bus const& bus, SystemdManager manager) {
    auto const socket = TRY(own_socket(manager));
    sd_bus* connection = nullptr;
    if ((manager == SystemdManager::user ? bus.open_user : bus.open_system)(&connection) >= 0) return connection;
    int result = bus.make(&connection);
    if (result >= 0) result = bus.set_address(connection, fmt::format("unix:path={}", socket).c_str());
    if (result >= 0) result = bus.start(connection);
    if (result < 0) return Error::from_code(-result, fmt::format("connect to systemd at '{}'", socket));
    return connection;
}

// A message that is being filled: the first failure is kept, and tells in the end.
class Filling {
public:
    Filling(Bus const& bus, sd_bus_message* message) : bus_(bus), message_(message) {}
    int failure() const { return failure_; }
    void open(char kind, char const* contents) { keep(bus_.open_container(message_, kind, contents)); }
    void close() { keep(bus_.close_container(message_)); }
    void operator()(std::string const& value) { keep(bus_.append(message_, 's', value.c_str())); }
    void operator()(bool value) {
        int const number = value;
        keep(bus_.append(message_, 'b', &number));
    }
    void operator()(std::uint32_t value) { keep(bus_.append(message_, 'u', &value)); }
    void operator()(std::uint64_t value) { keep(bus_.append(message_, 't', &value)); }
    void operator()(std::int64_t value) { keep(bus_.append(message_, 'x', &value)); }
    void operator()(std::vector<std::uint32_t> const& values) { keep(bus_.append_array(message_, 'u', values.data(), values.size() * sizeof values[0])); }
    void operator()(std::vector<std::uint8_t> const& values) { keep(bus_.append_array(message_, 'y', values.data(), values.size())); }
    void operator()(std::vector<std::string> const& values) {
        open('a', "s");
        for (auto const& value : values) (*this)(value);
        close();
    }
    void add(std::vector<UnitProperty> const& properties) {
        open('a', "(sv)");
        for (auto const& property : properties) {
            open('r', "sv");
            (*this)(property.name);
            open('v', dbus_type_of(property.value).data());
            std::visit(*this, property.value);
            close();
            close();
        }
        close();
    }

private:
    void keep(int result) {
        if (result < 0 && failure_ == 0) failure_ = result;
    }
    Bus const& bus_;
    sd_bus_message* message_;
    int failure_ = 0;
};

template <typename Fill>
Result<void> call_manager(SystemdManager manager, char const* method, std::string const& unit, Fill const& fill) {
    auto const bus = TRY(load_bus());
    auto* const connection = TRY(connect(bus, manager));
    sd_bus_message* message = nullptr;
    int called = bus.new_call(connection, &message, "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", method);
    if (called >= 0) {
        Filling filling(bus, message);
        fill(filling);
        called = filling.failure();
    }
    sd_bus_error error{};
    constexpr std::uint64_t usual_timeout = 0;
    if (called >= 0) called = bus.call(connection, message, usual_timeout, &error, nullptr);
    std::string const name = error.name ? error.name : "", why = error.message ? error.message : fmt::format("error {}", -called); // their few bytes go with the process
    bus.close(connection);
    if (called >= 0) return {};
    return Error::of(name.ends_with(".UnitExists") ? EEXIST : name.ends_with(".NoSuchUnit") ? ENOENT : EPROTO, "systemd refused '{}' of '{}': {}", method, unit, why);
}

// The job runs on after the call: the kernel's word is what counts.
Result<void> await_scope(pid_t pid, std::string const& unit, std::string const& subgroup) {
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    Backoff backoff;
    while (!TRY(find_cgroup_ending(pid, fmt::format("/{}{}", unit, subgroup)))) {
        if (std::chrono::steady_clock::now() >= end) return Error::of(ETIMEDOUT, "systemd took longer than 5 seconds to make '{}'; look at `systemctl status`", unit);
        backoff.wait();
    }
    return {};
}

} // namespace

Result<void> start_transient_unit(SystemdManager manager, std::string const& unit, std::vector<UnitProperty> const& properties) {
    // StartTransientUnit(name, mode, properties a(sv), auxiliary units a(sa(sv))).
    return call_manager(manager, "StartTransientUnit", unit, [&](Filling& filling) {
        filling(unit);
        filling(std::string("fail"));
        filling.add(properties);
        filling.open('a', "(sa(sv))");
        filling.close();
    });
}

namespace {
Result<void> get_unit(SystemdManager manager, std::string const& unit) {
    return call_manager(manager, "GetUnit", unit, [&](Filling& filling) { filling(unit); });
}
} // namespace

Result<void> set_unit_properties(SystemdManager manager, std::string const& unit, std::vector<UnitProperty> const& properties) {
    // SetUnitProperties(name, runtime, properties a(sv)).
    TRY(call_manager(manager, "SetUnitProperties", unit, [&](Filling& filling) {
        filling(unit);
        filling(true);
        filling.add(properties);
    }));
    // It answers first and writes to the cgroup before it looks at its next message: this one.
    return get_unit(manager, unit);
}

Result<void> stop_unit(SystemdManager manager, std::string const& unit) {
    // StopUnit(name, mode); GetUnit(name) fails when it is unloaded.
    auto stopped = call_manager(manager, "StopUnit", unit, [&](Filling& filling) {
        filling(unit);
        filling(std::string("replace"));
    });
    if (!stopped) return stopped.error().is(ENOENT) ? Result<void>() : stopped;
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    for (Backoff backoff; std::chrono::steady_clock::now() < end; backoff.wait()) {
        auto const there = get_unit(manager, unit);
        if (!there) return there.error().is(ENOENT) ? Result<void>() : there;
    }
    return Error::of(ETIMEDOUT, "systemd does not let go of '{}'; look at `systemctl status`", unit);
}

Result<void> attach_to_unit(SystemdManager manager, std::string const& unit, std::string const& subgroup, pid_t pid) {
    // AttachProcessesToUnit(name, subcgroup, PIDs).
    TRY(call_manager(manager, "AttachProcessesToUnit", unit, [&](Filling& filling) {
        filling(unit);
        filling(subgroup);
        filling(std::vector{static_cast<std::uint32_t>(pid)});
    }));
    return await_scope(pid, unit, subgroup);
}

Result<void> move_into_new_scope(SystemdManager manager, pid_t pid, std::string const& unit, std::vector<UnitProperty> properties) {
    properties.push_back({"Delegate", true});
    properties.push_back({"PIDs", std::vector{static_cast<std::uint32_t>(pid)}});
    // A scope that failed would stand in the way of the next of its name.
    properties.push_back({"CollectMode", std::string("inactive-or-failed")});
    TRY(start_transient_unit(manager, unit, properties));
    return await_scope(pid, unit, "");
}

} // namespace bolt
