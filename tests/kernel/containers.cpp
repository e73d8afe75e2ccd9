// src/oci in process, as the monitor calls it: real namespaces, real mounts, an overlay root. Needs root, and a static program to
// run: Debian's busybox.
#include "catch.h"

#include <csignal>
#include <cstdio>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/container.h"
#include "sys/device_filter.h"
#include "sys/file.h"
#include "sys/procfs.h"
#include "sys/random.h"

using namespace bolt;

namespace {

bool skips() {
    char const* const reason = geteuid() != 0 ? "this is for root" : access("/usr/bin/busybox", X_OK) != 0 ? "/usr/bin/busybox is not installed" : nullptr;
    if (!reason) return false;
    std::printf("SKIPPED: %s\n", reason);
    WARN("skipped: " << reason);
    return true;
}

// A layer with busybox, an upper and a work directory.
class Layers {
public:
    Layers() : top_(HostPath::parse("/tmp/bolt-kernel-" + random_name().value()).value()) {
        for (std::string_view const name : {"lower/bin", "lower/proc", "lower/dev", "lower/tmp", "second", "upper", "work"}) REQUIRE_OK(make_directories(top_ / name, 0755));
        auto const program = read_file(HostPath::parse("/usr/bin/busybox").value());
        REQUIRE_OK(program);
        REQUIRE_OK(write_file(top_ / "lower/bin/busybox", program.value(), 0755, Durability::none));
        for (std::string_view const applet : {"sh", "true", "cat", "sleep", "touch", "head", "wc"}) REQUIRE_OK(make_symlink("busybox", top_ / fmt::format("lower/bin/{}", applet)));
        REQUIRE_OK(write_file(top_ / "second/which", "second\n", 0644, Durability::none));
        REQUIRE_OK(write_file(top_ / "lower/which", "lower\n", 0644, Durability::none));
    }
    ~Layers() { CHECK(remove_tree(top_).ok()); }
    oci::OverlayRoot root() const { return {.lowers = {top_ / "second", top_ / "lower"}, .upper = top_ / "upper", .work = top_ / "work", .is_volatile = true}; }
    HostPath const& top() const { return top_; }

private:
    HostPath top_;
};

spec::Runtime spec_running(std::string const& command) {
    auto document = Json::parse(R"({"ociVersion": "1.2.0", "process": {"args": [], "cwd": "/", "env": ["PATH=/bin"]},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}]}})");
    REQUIRE_OK(document);
    for (auto& [key, value] : *document->find_object())
        if (key == "process") (*value.find_object())[0].second = Json(std::vector<std::string>{"sh", "-c", command});
    auto spec = spec::parse_runtime(document.value());
    REQUIRE_OK(spec);
    return std::move(spec).value();
}

struct Finished {
    ExitStatus status;
    std::string output;
};

Finished run(oci::CreateRequest request) {
    auto pipe = make_pipe();
    REQUIRE_OK(pipe);
    request.output = pipe->write_end;
    auto container = oci::create(request);
    REQUIRE_OK(container);
    REQUIRE_OK(oci::start(container.value(), request));
    pipe->write_end.close();
    auto output = read_to_end(pipe->read_end);
    REQUIRE_OK(output);
    auto status = container->init.wait();
    REQUIRE_OK(status);
    CHECK(oci::remove(container.value(), request).empty());
    return {status.value(), output.value()};
}

} // namespace

TEST_CASE("a container over layers sees the topmost first, writes into the upper, and leaves no mount") {
    if (skips()) return;
    Layers const layers;
    auto const before = read_file(HostPath::parse("/proc/self/mounts").value());
    auto const spec = spec_running("cat /which; touch /new; exit 3");
    auto const done = run({.id = "kernel-layers", .spec = &spec, .bundle = layers.top(), .overlay = layers.root()});
    CHECK(done.output == "second\n");
    CHECK(done.status.code == 3);
    CHECK(exists(layers.top() / "upper/new"));
    auto const after = read_file(HostPath::parse("/proc/self/mounts").value());
    CHECK(before.value() == after.value());
}

TEST_CASE("more and longer layers than one value of fsconfig holds") {
    if (skips()) return;
    Layers const layers;
    auto root = layers.root();
    std::string const longish(200, 'x');
    for (int number = 0; number < 20; ++number) {
        auto const layer = layers.top() / fmt::format("{}{}", longish, number);
        REQUIRE_OK(make_directories(layer, 0755));
        root.lowers.insert(root.lowers.begin(), layer);
    }
    auto const spec = spec_running("cat /which");
    CHECK(run({.id = "kernel-many", .spec = &spec, .bundle = layers.top(), .overlay = root}).output == "second\n");
}

TEST_CASE("init waits for its start and does not outlive a runtime that gives it up") {
    if (skips()) return;
    Layers const layers;
    auto const spec = spec_running("true");
    oci::CreateRequest const request{.id = "kernel-waits", .spec = &spec, .bundle = layers.top(), .overlay = layers.root(), .dies_with_parent = true};
    auto container = oci::create(request);
    REQUIRE_OK(container);
    auto const still = container->init.find_exit();
    REQUIRE_OK(still);
    CHECK(!still.value().has_value());
    container->start.close();
    pollfd watched{container->init.pidfd().number(), POLLIN, 0};
    CHECK(poll(&watched, 1, 10'000) == 1);
    CHECK(oci::remove(container.value(), request).empty());
}

TEST_CASE("a command that is not there or cannot be executed has the two codes, and nothing else has") {
    if (skips()) return;
    Layers const layers;
    // A volatile upper layer can be mounted once.
    auto root = layers.root();
    root.is_volatile = false;
    auto const error_of = [&](std::string const& command) {
        auto spec = spec_running("");
        spec.process->args = {command};
        auto container = oci::create({.id = "kernel-codes", .spec = &spec, .bundle = layers.top(), .overlay = root});
        REQUIRE(!container.ok());
        return container.error();
    };
    CHECK(error_of("nothing").is(ENOENT));
    CHECK(error_of("nothing").text() == "exec 'nothing': executable file not found in $PATH");
    CHECK(error_of("/which").is(EACCES));
    auto spec = spec_running("true");
    spec.mounts.push_back({.destination = "/x", .type = "bind", .source = "/no/such/place", .options = {}});
    auto const missing = oci::create({.id = "kernel-codes", .spec = &spec, .bundle = layers.top(), .overlay = root});
    REQUIRE(!missing.ok());
    CHECK(missing.error().code() != ENOENT);
    CHECK(missing.error().text() == "bind '/no/such/place' on '/x': open '/no/such/place': No such file or directory");
}

TEST_CASE("a tenant lives in the container and is the caller's child") {
    if (skips()) return;
    Layers const layers;
    auto const spec = spec_running("sleep 1000");
    oci::CreateRequest const request{.id = "kernel-tenant", .spec = &spec, .bundle = layers.top(), .overlay = layers.root()};
    auto container = oci::create(request);
    REQUIRE_OK(container);
    REQUIRE_OK(oci::start(container.value(), request));
    auto process = *spec.process;
    process.args = {"sh", "-c", "test -e /which && test \"$(cat /proc/1/comm)\" = sleep && exit 9"};
    auto tenant = oci::exec({.id = "test", .bundle = {}, .init_pid = container->init.pid(), .spec = &spec, .process = &process, .cgroup = &container->cgroup});
    REQUIRE_OK(tenant);
    auto const ended = tenant->process.wait();
    REQUIRE_OK(ended);
    CHECK(ended.value().code == 9);
    process.args = {"nothing"};
    auto const missing = oci::exec({.id = "test", .bundle = {}, .init_pid = container->init.pid(), .spec = &spec, .process = &process, .cgroup = &container->cgroup});
    REQUIRE(!missing.ok());
    CHECK(missing.error().is(ENOENT));
    CHECK(oci::remove(container.value(), request).empty());
}

TEST_CASE("the handle of procfs reaches its files and nothing else") {
    auto const proc = Procfs::open();
    REQUIRE_OK(proc);
    REQUIRE_OK(proc.value().read("self/oom_score_adj"));
    CHECK(proc.value().own_pid().value() == getpid());
    CHECK(!proc.value().read("self/root/etc/passwd").ok());
    CHECK(!proc.value().read("../etc/passwd").ok());
}

TEST_CASE("a device filter of cgroup version 2 denies what its last matching rule denies") {
    if (skips()) return;
    // On a hybrid host the version 2 tree has no controllers, and device programs need none.
    auto const tree = HostPath::parse(exists(HostPath::parse("/sys/fs/cgroup/unified").value()) ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup").value();
    auto const cgroup = tree / ("bolt-kernel-" + random_name().value());
    if (!make_directory(cgroup, 0755)) {
        std::printf("SKIPPED: no cgroup version 2 tree that can be written\n");
        return;
    }
    using Kind = DeviceFilterRule::Kind;
    DeviceFilterRule const rules[] = {{.allow = false}, {.allow = true, .kind = Kind::character, .major = 1, .minor = 3, .access = 2}};
    auto const attached = attach_device_filter(cgroup, make_device_filter(rules));
    auto directory = open_file(cgroup, O_PATH | O_DIRECTORY);
    REQUIRE_OK(directory);
    // Exit status: bit 0 null can be read, bit 1 null can be written, bit 2 zero can be read.
    auto child = clone_process({.cgroup = directory.value()}, [] {
        int can = 0;
        if (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) can |= 1;
        if (open("/dev/null", O_WRONLY | O_CLOEXEC) >= 0) can |= 2;
        if (open("/dev/zero", O_RDONLY | O_CLOEXEC) >= 0) can |= 4;
        return can;
    });
    REQUIRE_OK(child);
    auto const ended = child->wait();
    CHECK(remove_directory(cgroup).ok());
    REQUIRE_OK(attached);
    REQUIRE_OK(ended);
    CHECK(ended.value().code == 1);
}
