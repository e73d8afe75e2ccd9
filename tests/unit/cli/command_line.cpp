#include "catch.h"

#include "cli/command_line.h"

using namespace bolt;
using namespace bolt::cli;

namespace {

struct Options {
    bool detached = false, interactive = false, terminal = false, removed = false;
    std::string name;
    std::vector<std::string> ports;
    std::int64_t last = -1;
};
using set = Set<Options>;
constexpr Option table[] = {
    {"detach", 'd', "", "d", set::flag<&Options::detached>},       {"interactive", 'i', "", "i", set::flag<&Options::interactive>},
    {"tty", 't', "", "t", set::flag<&Options::terminal>},          {"rm", 0, "", "r", set::flag<&Options::removed>},
    {"name", 'n', "string", "n", set::text<&Options::name>},       {"publish", 'p', "list", "p", set::list<&Options::ports>},
    {"last", 0, "int", "l", set::parsed<&Options::last, parse_integer>},
};
int nothing(Command const&, Words const&) { return 0; }
constexpr Command free_command{.name = "list", .arguments = "[NAME...]", .options = table, .most = -1, .perform = nothing};
constexpr Command run_like{.name = "run", .arguments = "IMAGE [ARG...]", .options = table, .least = 1, .most = -1, .options_end = OptionsEnd::at_first_argument, .perform = nothing};

struct Read {
    Options options;
    CommandLine line;
};
Read read(Command const& command, Words const& words) {
    Read read;
    read.line = parse_command_line(command, words, &read.options);
    return read;
}
std::string refusal(Command const& command, Words const& words) {
    auto const result = read(command, words);
    REQUIRE(result.line.refusal);
    return result.line.refusal->text;
}

} // namespace

TEST_CASE("long options take their value after '=' or as the next word") {
    auto const [options, line] = read(free_command, {"--name=web", "--publish", "80:80", "--last", "3", "x"});
    REQUIRE(!line.refusal);
    CHECK(options.name == "web");
    CHECK(options.ports == Words{"80:80"});
    CHECK(options.last == 3);
    CHECK(line.words == Words{"x"});
}

TEST_CASE("an empty value is a value") {
    auto const [options, line] = read(free_command, {"--name=", "--publish", ""});
    REQUIRE(!line.refusal);
    CHECK(options.ports == Words{""});
}

TEST_CASE("letters go together, the last may have a value") {
    for (auto const& words : {Words{"-itp", "80:80"}, Words{"-itp80:80"}, Words{"-itp=80:80"}, Words{"-i", "-t", "-p", "80:80"}}) {
        auto const [options, line] = read(free_command, words);
        REQUIRE(!line.refusal);
        CHECK(options.interactive);
        CHECK(options.terminal);
        CHECK(!options.detached);
        CHECK(options.ports == Words{"80:80"});
    }
}

TEST_CASE("flags take true and false as Go's ParseBool") {
    CHECK(!read(free_command, {"--rm", "--rm=false"}).options.removed);
    CHECK(read(free_command, {"--rm=1"}).options.removed);
    CHECK(!read(free_command, {"-d=f"}).options.detached);
    CHECK(refusal(free_command, {"--rm=yes"}) == "option '--rm': 'yes' is neither true nor false");
}

TEST_CASE("options end at the image, or at --") {
    auto const [options, line] = read(run_like, {"-i", "debian", "-t", "--rm", "--"});
    REQUIRE(!line.refusal);
    CHECK(options.interactive);
    CHECK(!options.terminal);
    CHECK(!options.removed);
    CHECK(line.words == Words{"debian", "-t", "--rm", "--"});
    CHECK(read(run_like, {"--", "-x"}).line.words == Words{"-x"});
    CHECK(read(free_command, {"a", "--rm", "b", "--", "--rm"}).line.words == Words{"a", "b", "--rm"});
    CHECK(read(free_command, {"a", "--rm"}).options.removed);
    CHECK(read(free_command, {"-"}).line.words == Words{"-"});
}

TEST_CASE("what is unknown is named, with the nearest known option") {
    CHECK(refusal(run_like, {"--rmm", "x"}) == "unknown option '--rmm'; did you mean '--rm'? ('bolt run --help' lists the options of 'run')");
    CHECK(refusal(run_like, {"--nmae=x", "x"}).find("did you mean '--name'?") != std::string::npos);
    CHECK(refusal(run_like, {"--zzzzzzzz", "x"}) == "unknown option '--zzzzzzzz' ('bolt run --help' lists the options of 'run')");
    CHECK(refusal(run_like, {"-ix", "x"}).find("unknown option '-x' in '-ix'") == 0);
    CHECK(read(run_like, {"--rmm", "x"}).line.refusal->exit_code == 125);
}

TEST_CASE("a value that is missing or wrong is named") {
    CHECK(refusal(run_like, {"--name"}) == "option '--name' of 'bolt run' needs an argument: --name string");
    CHECK(refusal(free_command, {"--last", "x"}).find("option '--last': ") == 0);
    CHECK(refusal(run_like, {"-p"}) == "option '-p' of 'bolt run' needs an argument: -p list");
}

TEST_CASE("too few and too many arguments end with docker's 1") {
    auto const few = read(run_like, {}).line.refusal;
    REQUIRE(few);
    CHECK(few->exit_code == 1);
    CHECK(few->text == "'bolt run' requires at least 1 argument: bolt run [OPTIONS] IMAGE [ARG...]");
    Command const none{.name = "ps", .options = table, .perform = nothing};
    CHECK(refusal(none, {"x"}).find("'bolt ps' accepts no arguments") == 0);
    Command const one{.name = "logs", .arguments = "CONTAINER", .least = 1, .most = 1, .perform = nothing};
    CHECK(refusal(one, {"a", "b"}) == "'bolt logs' requires 1 argument: bolt logs CONTAINER");
}

TEST_CASE("--help wins where it stands, -h where it is no other option") {
    CHECK(read(run_like, {"--help"}).line.asks_for_help);
    CHECK(read(run_like, {"-h"}).line.asks_for_help);
    CHECK(!read(run_like, {"debian", "--help"}).line.asks_for_help);
}

TEST_CASE("the nearest word is near") {
    std::string_view const known[] = {"run", "restart", "rm", "rmi", "images"};
    CHECK(nearest("runn", known) == "run");
    CHECK(nearest("imgaes", known) == "images");
    CHECK(nearest("rest", known) == "restart");
    CHECK(!nearest("bogus", known));
    CHECK(!nearest("x", known));
}
