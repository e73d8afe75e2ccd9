#include "catch.h"

#include <csignal>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/run_options.h"

using namespace bolt;
using namespace bolt::cli;

namespace {

RunOptions read(Words const& words) {
    RunOptions options;
    auto const line = parse_command_line(run_command, words, &options);
    if (line.refusal) FAIL(line.refusal->text);
    REQUIRE_OK(complete_options(options, line.words));
    return options;
}
std::string refusal(Words const& words) {
    RunOptions options;
    auto const line = parse_command_line(run_command, words, &options);
    REQUIRE(line.refusal);
    return line.refusal->text;
}

} // namespace

TEST_CASE("run's options reach the engine's") {
    auto const options = read({"-dit", "--rm", "--name", "web", "-e", "A=1", "-eB", "-v", "/srv:/data:ro", "--tmpfs", "/t", "-p", "8080:80", "-p", "53:53/udp", "--network", "none", "-m", "64m",
                               "--cpus", "1.5", "--pids-limit", "100", "--cap-add", "NET_ADMIN", "--label", "a=b", "-l", "c", "--restart", "on-failure:3", "--stop-signal", "QUIT",
                               "--stop-timeout", "7", "--userns", "keep-id", "--pull", "never", "-w", "/x", "-u", "1:2", "-h", "host", "--entrypoint", "", "--read-only", "--init", "nginx",
                               "sh", "-c", "--rm"});
    CHECK((options.detached && options.interactive && options.terminal && options.remove && options.read_only && options.init));
    CHECK(options.name == "web");
    CHECK(options.environment == Words{"A=1", "B"});
    REQUIRE(options.mounts.size() == 2);
    CHECK((options.mounts[0].target == "/data" && options.mounts[0].read_only && options.mounts[1].kind == engine::MountKind::tmpfs));
    REQUIRE(options.ports.size() == 2);
    CHECK(options.ports[1].protocol == net::Protocol::udp);
    CHECK(options.network == net::Mode::none);
    CHECK(options.limits.memory == Bytes{64u << 20});
    CHECK(options.limits.cpus == 1.5);
    CHECK(options.limits.processes == 100);
    CHECK(options.labels == std::vector<std::pair<std::string, std::string>>{{"a", "b"}, {"c", ""}});
    CHECK((options.restart.policy == monitor::RestartPolicy::on_failure && options.restart.most == 3));
    CHECK(options.stop_signal == SIGQUIT);
    CHECK(options.stop_timeout == std::chrono::seconds(7));
    CHECK(options.user_namespace == engine::UserNamespaceMode::keep_id);
    CHECK(options.pull == engine::PullPolicy::never);
    CHECK((options.working_directory == "/x" && options.user == "1:2" && options.hostname == "host" && options.entrypoint == ""));
    CHECK(options.image == "nginx");
    CHECK(options.command == Words{"sh", "-c", "--rm"});
    CHECK((options.proxies_signals && options.detach_keys == default_detach_keys));
}

TEST_CASE("wrong values name the option and the value") {
    CHECK(refusal({"-m", "x", "nginx"}).find("option '-m': 'x' is not a size") == 0);
    CHECK(refusal({"--cpus", "-1", "nginx"}) == "option '--cpus': '-1' is not a number of CPUs such as 1.5");
    CHECK(refusal({"--pids-limit=many", "nginx"}).find("option '--pids-limit': ") == 0);
    CHECK(refusal({"--pull", "sometimes", "nginx"}) == "option '--pull': 'sometimes' is none of missing, always, never, newer");
    CHECK(refusal({"--userns=root", "nginx"}).find("'root' is none of host, keep-id, auto") != std::string::npos);
    CHECK(refusal({"-p", "99999:80", "nginx"}).find("option '-p': ") == 0);
    CHECK(refusal({"--network", "bogus", "nginx"}).find("option '--network': ") == 0);
    CHECK(refusal({"-e", "", "nginx"}).find("option '-e': '' is not an environment variable") == 0);
    CHECK(refusal({"--stop-signal", "SIGBOGUS", "nginx"}).find("SIGBOGUS") != std::string::npos);
    CHECK(refusal({"--detach-keys", "nope", "nginx"}).find("'nope' is no key") != std::string::npos);
    CHECK(refusal({"--label", "=x", "nginx"}).find("'=x' is not a label") != std::string::npos);
    CHECK(refusal({"--gpus", "all", "nginx"}).find("unknown option '--gpus'") == 0);
}

TEST_CASE("environment files") {
    auto const lines = parse_environment_file("\xef\xbb\xbf# comment\nA=1\r\n  B=x y # kept\n\nC\nD=\n");
    REQUIRE_OK(lines);
    CHECK(lines.value() == Words{"A=1", "B=x y # kept", "C", "D="});
    CHECK(!parse_environment_file("A B=1").ok());
    CHECK(!parse_environment_file("=1").ok());
}
