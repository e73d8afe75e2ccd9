#include "../../catch.h"

#include "monitor/process_document.h"

using namespace bolt;
using namespace bolt::monitor;

namespace {
Json configuration() {
    return Json::parse(R"({"process":{"terminal":true,"user":{"uid":5,"gid":6,"additionalGids":[7]},"args":["a"],"env":["A=1"],"cwd":"/w",
        "capabilities":{"bounding":["CAP_KILL"]},"noNewPrivileges":true,"rlimits":[]}})")
        .value();
}
} // namespace

TEST_CASE("a tenant's process is the container's with what exec changes") {
    ExecRequest request;
    request.arguments = {"sh", "-c", "id"};
    request.environment = {"B=2"};
    ContainerUser const user{.uid = 10, .gid = 11, .additional_groups = {12, 13}, .home = "/"};
    auto const process = tenant_process(configuration(), request, user, 40).value();
    CHECK(process.find("args")->dump() == R"(["sh","-c","id"])");
    CHECK(process.find("env")->dump() == R"(["B=2"])");
    CHECK(process.find("user")->dump() == R"({"uid":10,"gid":11,"additionalGids":[12,13]})");
    CHECK(process.find("cwd")->dump() == R"("/w")");
    CHECK(process.find("terminal")->dump() == "false");
    CHECK(process.find("capabilities")->dump() == R"({"bounding":["CAP_KILL"]})");
    CHECK(process.find("noNewPrivileges")->dump() == "true");
    CHECK_FALSE(process.find("consoleSize"));
}

TEST_CASE("a privileged tenant with a terminal") {
    ExecRequest request;
    request.arguments = {"sh"};
    request.privileged = request.terminal = true;
    request.rows = 24;
    request.columns = 80;
    request.working_directory = "/tmp";
    auto const process = tenant_process(configuration(), request, {}, 2).value();
    CHECK(process.find("capabilities")->find("effective")->dump() == R"(["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_DAC_READ_SEARCH"])");
    CHECK(process.find("noNewPrivileges")->dump() == "false");
    CHECK(process.find("consoleSize")->dump() == R"({"height":24,"width":80})");
    CHECK(process.find("cwd")->dump() == R"("/tmp")");
    CHECK_FALSE(process.find("env"));
}

TEST_CASE("a configuration without a process is refused") {
    ExecRequest const request;
    CHECK(tenant_process(Json::object(), request, {}, 40).error().is(EINVAL));
}
