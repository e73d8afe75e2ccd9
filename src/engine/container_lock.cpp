#include "engine/container_lock.h"

#include "engine/monitor_calls.h"
#include "sys/file.h"

namespace bolt::engine {

Result<FileLock> lock_stopped_container(Installation const& here, Container const& container) {
    auto const file = here.layout.containers() / container.record.id / "lock";
    auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    Backoff backoff;
    for (;;) {
        auto lock = FileLock::find(file, LockMode::exclusive);
        if (!lock && lock.error().is(ENOENT)) return Error::of(ENOENT, "{} was removed meanwhile", title_of(container));
        if (!lock) return std::move(lock).error();
        if (lock.value()) {
            if (auto const state = TRY(find_run(here.layout, container.record))) TRY(end_orphan(*state));
            return std::move(*lock.value());
        }
        auto const state = TRY(find_run(here.layout, container.record));
        // Without its socket the monitor is about to write down the end and to let the lock go.
        bool const takes_clients = exists(run_directory_of(here, container) / "control.sock");
        if (takes_clients && state && (state->status == monitor::Status::running || state->status == monitor::Status::restarting))
            return Error::of(EALREADY, "{} runs already", title_of(container));
        if (std::chrono::steady_clock::now() >= end)
            return Error::of(EBUSY, "{} is being started or removed by another command; try again when that has ended", title_of(container));
        backoff.wait();
    }
}

} // namespace bolt::engine
