#include "monitor/death_watch.h"

#include <csignal>

#include <fcntl.h>
#include <unistd.h>

namespace bolt::monitor {

Result<DeathWatch> DeathWatch::begin(Process const& init) {
    auto [ours, theirs] = TRY(Channel::make_pair());
    auto const watched = init.pidfd();
    auto watcher = TRY(clone_process({}, [&theirs = theirs, watched] {
        (void)setsid();
        // Out of each other's way first.
        FdRef const channel(fcntl(theirs.fd().number(), F_DUPFD_CLOEXEC, 5)), init_pidfd(fcntl(watched.number(), F_DUPFD_CLOEXEC, 5));
        if (!duplicate_onto(channel, 3) || !duplicate_onto(init_pidfd, 4) || !close_from(5, RangeAction::close)) return 1;
        char byte{};
        (void)!read(3, &byte, 1);
        (void)signal_pidfd(FdRef(4), SIGKILL).ok(); // ended already, ignoring
        return 0;
    }));
    return DeathWatch(std::move(ours), std::move(watcher));
}

} // namespace bolt::monitor
