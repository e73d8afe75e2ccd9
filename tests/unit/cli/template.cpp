#include "catch.h"

#include "cli/template.h"

using namespace bolt;
using namespace bolt::cli;

namespace {

Json sample() {
    auto parsed = Json::parse(R"({"Name":"/web","Empty":"","Count":3,"Nothing":null,"State":{"Status":"running","Running":true,"ExitCode":0},
        "Labels":{"b":"2","a":"1"},"Args":["x","y z"],"Mounts":[{"Source":"/a"},{"Source":"/b"}],"List":"a=b,c=d"})");
    REQUIRE_OK(parsed);
    return std::move(parsed).value();
}
std::string render(std::string_view text) {
    auto const parsed = Template::parse(text);
    REQUIRE_OK(parsed);
    auto const rendered = parsed.value().render(sample());
    REQUIRE_OK(rendered);
    return rendered.value();
}
std::string failure(std::string_view text) {
    auto const parsed = Template::parse(text);
    if (!parsed) return parsed.error().text();
    auto const rendered = parsed.value().render(sample());
    REQUIRE(!rendered.ok());
    return rendered.error().text();
}

} // namespace

TEST_CASE("fields and plain text") {
    CHECK(render("{{.Name}} is {{.State.Status}}") == "/web is running");
    CHECK(render("{{ .State.ExitCode }}{{.State.Running}}") == "0true");
    CHECK(render("{{$.Name}}") == "/web");
    CHECK(render("{{.Args}} {{.Labels}} {{.Nothing}}") == "[x y z] map[a:1 b:2] <no value>");
    CHECK(render("no action") == "no action");
}

TEST_CASE("json") {
    CHECK(render("{{json .State}}") == R"({"Status":"running","Running":true,"ExitCode":0})");
    CHECK(render("{{json .Args}}{{json .Nothing}}{{.Name | json}}") == R"(["x","y z"]null"/web")");
}

TEST_CASE("if, else, with, range") {
    CHECK(render("{{if .State.Running}}up{{else}}down{{end}}") == "up");
    CHECK(render("{{if .Empty}}a{{else if .Count}}b{{else}}c{{end}}") == "b");
    CHECK(render("{{with .State}}{{.Status}}{{end}}{{with .Empty}}x{{else}}y{{end}}") == "runningy");
    CHECK(render("{{range .Mounts}}{{.Source}};{{end}}") == "/a;/b;");
    CHECK(render("{{range $i, $m := .Mounts}}{{$i}}={{$m.Source}} {{$.Name}},{{end}}") == "0=/a /web,1=/b /web,");
    CHECK(render("{{range $k, $v := .Labels}}{{$k}}:{{$v}} {{end}}") == "a:1 b:2 ");
    CHECK(render("{{range .Empty}}x{{else}}none{{end}}") == "none");
    CHECK(render("{{if and .Count (eq .State.Status \"running\")}}both{{end}}") == "both");
    CHECK(render("{{if not .Nothing}}n{{end}}") == "n");
}

TEST_CASE("variables, trimming and comments") {
    CHECK(render("{{$x := .Count}}{{$x}}") == "3");
    CHECK(render("{{$x := 1}}{{if .Count}}{{$x = 2}}{{end}}{{$x}}") == "2");
    CHECK(render("a {{- .Count -}} b") == "a3b");
    CHECK(render("a{{/* not this }} */}}b") == "ab");
    CHECK(render("{{\"}}\"}}") == "}}");
}

TEST_CASE("functions") {
    CHECK(render("{{index .Labels \"a\"}}{{index .Labels \"none\"}}{{index .Args 1}}") == "1y z");
    CHECK(render("{{index .List \"c\"}}") == "d");
    CHECK(render("{{(index .Mounts 1).Source}}") == "/b");
    CHECK(render("{{len .Args}}{{len .Name}}{{len .Labels}}") == "242");
    CHECK(render("{{join .Args \", \"}}|{{upper .State.Status}}|{{lower \"AB\"}}|{{title \"ab cd\"}}") == "x, y z|RUNNING|ab|Ab Cd");
    CHECK(render("{{range split \"a,b\" \",\"}}<{{.}}>{{end}}") == "<a><b>");
    CHECK(render("{{println \"x\" 1}}{{print 1 2}}{{printf \"%s-%d%% %q %-3s|%4d\" \"a\" 5 \"q\" \"l\" 7}}") == "x 1\n1 2a-5% \"q\" l  |   7");
    CHECK(render("{{truncate .State.Status 3}}{{slice .Name 1}}{{pad \"x\" 1 2}}.") == "runweb x  .");
    CHECK(render("{{eq 1 1}}{{ne 1 2}}{{lt 1 2}}{{le 2 2}}{{gt 1 2}}{{ge 1 2}}{{eq \"a\" \"b\" \"a\"}}") == "truetruetruetruefalsefalsetrue");
    CHECK(render("{{or .Empty \"fallback\"}}") == "fallback");
    CHECK(render("{{printf \"%05d|%04d|%d\" 12 -7 \"text\"}}") == "00012|-007|%!d(string=text)");
    CHECK(render("{{.Name | printf \"%s!\" | upper}}") == "/WEB!");
}

TEST_CASE("what is not known is refused by name") {
    CHECK(failure("{{.Nmae}}").find("there is no field '.Nmae'; there are .Name, ") != std::string::npos);
    CHECK(failure("{{.Name.First}}").find("there is no field 'First' in a string") != std::string::npos);
    CHECK(failure("{{bogus .Name}}") == "template: function 'bogus' is not known in '{{bogus .Name}}'");
    CHECK(failure("{{template \"x\"}}") == "template: 'template' is not supported in '{{template \"x\"}}'");
    CHECK(failure("{{.Name") == "template: '{{.Name' has no closing '}}'");
    CHECK(failure("{{if .Name}}x") == "template: '{{if .Name}}' has no '{{end}}'");
    CHECK(failure("{{end}}") == "template: '{{end}}' has nothing that it belongs to");
    CHECK(failure("{{}}") == "template: a value is missing in '{{}}'");
    CHECK(failure("{{$x}}") == "template: there is no variable '$x'");
    CHECK(failure("{{len .Count}}").find("has no length") != std::string::npos);
    CHECK(failure("{{index .Args 5}}") == "template: index: there is no element 5 among 2");
    CHECK(failure("{{\"x}}").find("has no closing") != std::string::npos);
    CHECK(failure("{{upper}}") == "template: upper: 0 arguments are given");
    CHECK(failure("{{lt 1 \"a\"}}").find("cannot be compared") != std::string::npos);
    CHECK(failure("{{.Name 1}}").find("'.Name' takes no arguments") != std::string::npos);
    CHECK(failure("{{range .Count}}{{end}}").find("range cannot go over") != std::string::npos);
}
