// bolt run, bolt create.
#include <csignal>

#include <fcntl.h>

#include "cli/attach_client.h"
#include "cli/attached.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "cli/run_options.h"
#include "engine/containers.h"
#include "sys/file.h"

namespace bolt::cli {

namespace {

// Refused before anything is made when it is there: two containers must not share one.
Result<void> check_id_file(RunOptions const& options) {
    if (options.id_file.empty()) return {};
    auto const path = TRY(HostPath::absolute(options.id_file));
    if (exists(path)) return Error::of(EEXIST, "the container ID file '{}' exists already; remove it or name another", options.id_file);
    return {};
}

Result<void> write_id_file(RunOptions const& options, std::string const& id) {
    if (options.id_file.empty()) return {};
    return write_named_file(TRY(HostPath::absolute(options.id_file)), id, 0644);
}

Result<engine::Container> make(engine::Installation const& here, RunOptions const& options) {
    TRY(check_id_file(options));
    auto made = TRY(engine::create_container(here, options));
    warn_all(made.warnings);
    engine::Container container{std::move(made.record), {}};
    auto const noted = write_id_file(options, container.record.id);
    if (noted) return container;
    // The first failure is the one to tell, ignoring.
    (void)engine::remove_container(here, container, engine::Force::yes, engine::Volumes::remove_anonymous).ok();
    return noted.error();
}

Result<int> create(RunOptions& options, Words const& words) {
    TRY(complete_options(options, words));
    options.detached = true;
    auto const here = TRY(engine::open_installation());
    auto const container = TRY(make(here, options));
    TRY(print(container.record.id + "\n"));
    return 0;
}

Result<int> run(RunOptions& options, Words const& words) {
    TRY(complete_options(options, words));
    if (!options.detached && options.interactive && options.terminal && !is_terminal(FdRef(0))) return refuse_without_terminal();
    auto const here = TRY(engine::open_installation());
    auto const container = TRY(make(here, options));
    if (!options.detached) {
        RelayOptions const relay{options.interactive, options.terminal, options.detach_keys};
        return run_attached(here, container, relay, options.proxies_signals ? Signals::to_container : Signals::to_client);
    }
    engine::StartFailure failure{};
    auto const started = engine::start_container(here, container, engine::Attach::no, failure);
    if (!started) {
        say(started.error().text());
        return failure.exit_code;
    }
    warn_all(started.value().warnings);
    TRY(print(container.record.id + "\n"));
    return 0;
}

} // namespace

int perform_run(Command const& command, Words const& arguments) { return perform<RunOptions, run>(command, arguments); }
int perform_create(Command const& command, Words const& arguments) { return perform<RunOptions, create>(command, arguments); }

} // namespace bolt::cli
