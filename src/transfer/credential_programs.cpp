#include "transfer/credential_programs.h"

#include <csignal>

#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "sys/file.h"

namespace bolt::transfer {

namespace {

// What a helper prints, an error's words too, goes to standard output.
Result<std::string> run_helper(std::string const& helper, std::string const& verb, std::string_view input) {
    if (helper.empty() || helper.find('/') != helper.npos) return Error::of(EINVAL, "'{}' is no credential helper's name", helper);
    auto const name = "docker-credential-" + helper;
    auto const program = TRY(find_program(name).while_doing("the configured credential helper"));
    auto const request = TRY(make_memory_file("credential"));
    TRY(write_all(request, input));
    if (lseek(request.number(), 0, SEEK_SET) < 0) return Error::from_errno("rewind a memory file");
    auto const answer = TRY(make_memory_file("credential"));
    SpawnOptions options;
    options.arguments = {name, verb};
    options.input = request; // its standard error stays the user's
    options.output = answer;
    options.dies_with_parent = true;
    auto process = TRY(spawn(program, options));
    auto const ended = TRY(process.wait());
    if (lseek(answer.number(), 0, SEEK_SET) < 0) return Error::from_errno("rewind a memory file");
    auto const text = TRY(read_to_end(answer, Channel::longest_message / 2).while_doing("the answer of credential helper '{}'", name));
    if (ended.shell_code() == 0) return text;
    if (trim(text) == not_found_words) return Error::of(ENODATA, "{}", trim(text));
    return Error::of(EIO, "credential helper '{}' {}: {}", name, ended.text(), without_controls(trim(text)));
}

Result<std::string> perform(std::string_view request) {
    auto const document = TRY(Json::parse(request));
    return run_helper(TRY(document.string_or("helper", "")), TRY(document.string_or("verb", "")), TRY(document.string_or("input", "")));
}

std::string answer(std::string_view request) {
    auto const done = perform(request);
    if (done) return Json::object().set("output", done.value()).dump();
    return Json::object().set("code", done.error().code()).set("error", done.error().text()).dump();
}

// Ends with the other side.
int serve(Channel const& channel) {
    for (;;) {
        auto const request = channel.receive();
        if (!request || !request.value()) return 0;
        if (!channel.send(answer(request.value()->bytes))) return 1;
    }
}

} // namespace

Result<std::unique_ptr<CredentialHelpers>> CredentialHelpers::start(std::vector<std::string> order) {
    auto [ours, theirs] = TRY(Channel::make_pair());
    auto process = TRY(clone_process({}, [&ours = ours, &theirs = theirs] {
        (void)set_parent_death_signal(SIGKILL).ok(); // the channel's end is the other sign
        ours.close();
        return serve(theirs);
    }));
    theirs.close();
    return std::unique_ptr<CredentialHelpers>(new CredentialHelpers(std::move(order), std::move(process), std::move(ours)));
}

Result<std::string> CredentialHelpers::ask(std::string const& helper, std::string_view verb, std::string input) {
    std::lock_guard const lock(one_at_a_time_);
    TRY(channel_.send(Json::object().set("helper", helper).set("verb", verb).set("input", std::move(input)).dump()));
    auto const reply = TRY(channel_.receive());
    if (!reply) return Error::of(ECHILD, "the process that asks credential helpers ended");
    auto const document = TRY(Json::parse(reply->bytes));
    if (auto const failed = TRY(document.find_string("error"))) return Error(static_cast<int>(TRY(document.integer_or("code", EIO))), *failed);
    return document.string_or("output", "");
}

Result<std::optional<Credentials>> CredentialHelpers::get(std::string const& helper, std::string const& server) {
    auto const said = ask(helper, "get", server);
    if (!said && said.error().is(ENODATA)) return std::optional<Credentials>();
    auto const document = TRY(Json::parse(TRY(Result(said))).while_doing("what credential helper '{}' printed", helper));
    Credentials credentials;
    credentials.user = TRY(document.string_or("Username", ""));
    credentials.password = TRY(document.string_or("Secret", ""));
    if (credentials.user == "<token>") credentials = {"", "", credentials.password};
    if (credentials.user.empty() && credentials.identity_token.empty()) return std::optional<Credentials>();
    return std::optional(std::move(credentials));
}

Result<void> CredentialHelpers::store(std::string const& helper, std::string const& server, Credentials const& credentials) {
    TRY(ask(helper, "store", Json::object().set("ServerURL", server).set("Username", credentials.user).set("Secret", credentials.password).dump()));
    return {};
}

Result<void> CredentialHelpers::erase(std::string const& helper, std::string const& server) {
    auto const erased = ask(helper, "erase", server);
    return erased || erased.error().is(ENODATA) ? Result<void>() : Result<void>(erased.error());
}

} // namespace bolt::transfer
