#include "monitor/surroundings.h"

#include <csignal>

#include <sys/stat.h>
#include <unistd.h>

#include "sys/fd.h"
#include "sys/process.h"

namespace bolt::monitor {

Result<void> leave_the_caller() {
    // Fails for a group leader, which a program started from a shell may be: then the session is already our own affair.
    (void)setsid();
    TRY(set_subreaper());
    auto const null = TRY(open_null());
    for (int number = 0; number < 3; ++number) TRY(duplicate_onto(null, number));
    // A client that is gone, a terminal that hangs up: both are seen where they happen.
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    umask(022); // what the container inherits unless its configuration says otherwise
    if (chdir("/") < 0) return Error::from_errno("change to the directory '/'");
    return {};
}

Result<Surroundings> Surroundings::enter(Request const& request) {
    Surroundings here;
    if (request.network == net::Mode::pasta) here.pasta_.emplace(TRY(net::Pasta::prepare()));
    if (!request.ports.empty() && request.network == net::Mode::host)
        here.warnings_.emplace_back("published ports are ignored with the host's network: the container's ports are the host's");
    else if (!request.ports.empty())
        here.forwarder_.emplace(TRY(net::Forwarder::listen(request.ports).while_doing("publish ports")));
    auto const entry = TRY(enter_user_namespace_of_caller(request.user_namespace_holders));
    if (entry.shortage) here.warnings_.push_back(*entry.shortage);
    if (entry.entered) here.holder_.emplace(TRY(UserNamespaceHolder::register_self(request.user_namespace_holders)));
    if (request.network != net::Mode::host) TRY(net::make_network_namespace());
    if (here.pasta_) TRY(here.pasta_->begin_attaching(getpid()));
    return here;
}

Result<void> Surroundings::complete() { return pasta_ ? pasta_->finish_attaching() : Result<void>(); }

std::vector<std::string> Surroundings::published() const {
    std::vector<std::string> texts;
    if (!forwarder_) return texts;
    for (auto const& port : forwarder_->bound()) texts.push_back(net::format_published(port));
    return texts;
}

void Surroundings::leave() {
    forwarder_.reset();
    if (pasta_) pasta_->begin_stopping();
    holder_.reset();
}

} // namespace bolt::monitor
