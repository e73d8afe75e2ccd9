#include "../../catch.h"

#include "monitor/request.h"

using namespace bolt;
using namespace bolt::monitor;

namespace {
HostPath path(std::string_view text) { return HostPath::parse(text).value(); }

Request full_request() {
    Request request;
    request.id = "abc";
    request.name = "web";
    request.run_directory = path("/run/x");
    request.container_directory = path("/store/x");
    request.user_namespace_holders = path("/run/userns");
    request.spec = Json::parse(R"({"ociVersion":"1.0.2"})").value();
    request.overlay = oci::OverlayRoot{.lowers = {path("/l/1"), path("/l/2")}, .upper = path("/u"), .work = path("/w"), .is_volatile = true, .in_user_namespace = true};
    request.seccomp_program = std::string("\x00\xff\x10", 3);
    request.runtime = path("/usr/bin/crun");
    request.network = net::Mode::host;
    request.ports = {{"127.0.0.1", 8080, 80, net::Protocol::tcp}, {"", 0, 53, net::Protocol::udp}};
    request.log = {path("/store/x/log"), Bytes{1000}, 5};
    request.terminal = request.input_open = request.input_closes_with_client = true;
    request.restart = RestartPolicy::unless_stopped;
    request.most_restarts = 3;
    request.stop_signal = 3;
    request.stop_timeout = std::chrono::milliseconds(1500);
    request.limits_requested = true;
    request.remove_at_exit = {path("/store/x"), path("/run/x")};
    request.trash = path("/store/trash");
    return request;
}
} // namespace

TEST_CASE("a request comes back as it was written") {
    auto const document = to_json(full_request());
    auto const again = Json::parse(document.dump()).value();
    auto const request = parse_request(again);
    REQUIRE_OK(request);
    CHECK(to_json(request.value()) == document);
    CHECK(request.value().seccomp_program == std::string("\x00\xff\x10", 3));
    CHECK(request.value().overlay->lowers.size() == 2);
    CHECK(request.value().ports[1].protocol == net::Protocol::udp);
}

TEST_CASE("what is absent has its default") {
    Request least;
    least.id = "x";
    least.spec = Json::object();
    auto document = to_json(least);
    for (auto const* const key : {"restart", "network", "terminal", "stop_signal", "stop_timeout_ms"})
        std::erase_if(*document.find_object(), [&](auto const& member) { return member.first == key; });
    auto const request = parse_request(document).value();
    CHECK(request.restart == RestartPolicy::no);
    CHECK(request.network == net::Mode::pasta);
    CHECK(request.stop_signal == 15);
    CHECK(request.stop_timeout == std::chrono::seconds(10));
}

TEST_CASE("a field that is wrong is named") {
    auto const complaint = [](std::string_view key, Json value) {
        auto document = to_json(full_request());
        std::erase_if(*document.find_object(), [&](auto const& member) { return member.first == key; });
        document.set(key, std::move(value));
        auto const request = parse_request(document);
        return request ? std::string("nothing") : request.error().text();
    };
    CHECK(complaint("id", Json()) == "field 'id' is missing");
    CHECK(complaint("run_directory", "relative") == "field 'run_directory': 'relative' is not an absolute path");
    CHECK(complaint("run_directory", Json()) == "field 'run_directory' is missing");
    CHECK(complaint("spec", Json()) == "field 'spec' is missing");
    CHECK(complaint("restart", "sometimes") == "field 'restart' is 'sometimes', not one of no, on-failure, always, unless-stopped");
    CHECK(complaint("stop_signal", 99) == "field 'stop_signal' is 99, not between 1 and 64");
    CHECK(complaint("seccomp_program", "abc") == "field 'seccomp_program' has half a byte at its end");
    CHECK(complaint("seccomp_program", "zz") == "field 'seccomp_program' is not made of hex digits");
    CHECK(complaint("ports", "80") == "field 'ports' is a string, not an array");
    CHECK(complaint("overlay", Json::object()) == "field 'overlay': field 'lowers' is missing or empty");
    CHECK(complaint("log", Json::object()) == "field 'log': field 'file' is missing");
    CHECK(complaint("terminal", 1) == "field 'terminal' is a whole number, not a boolean");
}

TEST_CASE("an exec request comes back, and needs a command") {
    ExecRequest request;
    request.arguments = {"sh"};
    request.environment = {"A=1"};
    request.user = "web:log";
    request.working_directory = "/tmp";
    request.terminal = request.privileged = true;
    request.rows = 24;
    request.columns = 80;
    auto const document = to_json(request);
    CHECK(to_json(parse_exec_request(document).value()) == document);
    CHECK(parse_exec_request(Json::object()).error().text() == "field 'arguments' is missing: a command to run");
}
