// Ends the container when this process dies, however. Init's parent-death signal is not enough: the kernel clears it when init
// changes its user (an entrypoint with gosu or setpriv), and an init that another runtime made has none of ours. prctl(2).
#pragma once

#include "base/result.h"
#include "sys/channel.h"
#include "sys/process.h"

namespace bolt::monitor {

// A child that holds nothing but the end of a channel, whose other end nobody has but us, and init's pidfd.
class DeathWatch {
public:
    static Result<DeathWatch> begin(Process const& init);
    bool is(pid_t pid) const { return watcher_.pid() == pid; }
    void reap() { (void)watcher_.find_exit().ok(); } // killed by somebody; the container goes on

private:
    DeathWatch(Channel ours, Process watcher) : ours_(std::move(ours)), watcher_(std::move(watcher)) {}
    Channel ours_;
    Process watcher_; // killed and reaped with this
};

} // namespace bolt::monitor
