#include "engine/as_namespace_root.h"

#include "sys/channel.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/user_namespace.h"

namespace bolt::engine {

Result<void> do_as_namespace_root(Installation const& here, std::string_view doing, std::function<Result<void>()> const& work) {
    if (here.user.uid == 0) return work();
    auto [ours, theirs] = TRY(Channel::make_pair());
    auto child = TRY(clone_process({}, [&ours = ours, &theirs = theirs, &here, &work] {
        ours.close();
        return run_child(theirs, [&]() -> Result<void> {
            TRY(enter_user_namespace_of_caller(here.user_namespace_holders));
            return work();
        });
    }));
    theirs.close();
    TRY(receive_report(ours, child, doing));
    TRY(child.wait());
    return {};
}

Result<void> remove_tree_of_container(Installation const& here, HostPath const& path) {
    auto removed = remove_tree(path);
    if (removed || here.user.uid == 0 || (!removed.error().is(EACCES) && !removed.error().is(EPERM))) return removed;
    // Directories of subordinate ids: only the namespace's root may empty them.
    return do_as_namespace_root(here, "remove files", [&] { return remove_tree(path); });
}

} // namespace bolt::engine
