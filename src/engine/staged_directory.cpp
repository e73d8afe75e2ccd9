#include "engine/staged_directory.h"

#include "engine/as_namespace_root.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "sys/random.h"

namespace bolt::engine {

Result<MadeBy> make_staged_directory(Installation const& here, HostPath const& place, Keep keep, std::function<Result<void>(HostPath const& staging)> const& fill) {
    auto const staging = here.layout.tmp() / TRY(random_name());
    auto const lock_file = here.layout.tmp() / fmt::format("{}.lock", staging.name());
    auto const lock = TRY(FileLock::acquire(lock_file, LockMode::exclusive, std::chrono::seconds(1)));
    TRY(make_directories(place.parent(), 0700));
    auto done = make_directory(staging, 0700);
    if (done) done = fill(staging);
    // That it is there is taken for the proof that it is whole.
    if (done && keep == Keep::safely) done = sync_filesystem(staging);
    if (done) done = rename_to_new(staging, place);
    if (done && keep == Keep::safely) done = sync_directory(place.parent());
    if (!done) (void)remove_tree_of_container(here, staging); // the error to tell is the first one
    (void)remove_file(lock_file); // staging without a lock is dead, and there is none any more
    if (done) return MadeBy::us;
    if (done.error().is(EEXIST) && exists(place)) return MadeBy::somebody_else;
    return std::move(done).error();
}

} // namespace bolt::engine
