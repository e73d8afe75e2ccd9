#include "engine/unfinished_container.h"

#include "engine/container_name.h"
#include "engine/as_namespace_root.h"
#include "engine/volumes.h"
#include "sys/file.h"
#include "sys/random.h"

namespace bolt::engine {

Result<UnfinishedContainer> UnfinishedContainer::make(Installation const& here) {
    auto id = TRY(random_container_id());
    auto directory = here.layout.containers() / id.text();
    TRY(make_directory(directory, 0700));
    auto lock = FileLock::find(directory / "lock", LockMode::exclusive);
    if (!lock || !lock.value()) {
        (void)remove_directory(directory); // the error to tell is the lock's
        return lock ? Error::of(EWOULDBLOCK, "the new container '{}' is locked by somebody else", id.brief()) : std::move(lock).error();
    }
    return UnfinishedContainer(here, std::move(id), std::move(directory), std::move(*lock.value()));
}

UnfinishedContainer::UnfinishedContainer(UnfinishedContainer&& other) noexcept
    : here_(std::exchange(other.here_, nullptr)), id_(std::move(other.id_)), directory_(std::move(other.directory_)), lock_(std::move(other.lock_)),
      name_(std::move(other.name_)), volumes_(std::move(other.volumes_)) {}

UnfinishedContainer::~UnfinishedContainer() {
    if (!here_) return;
    // What cannot be removed is recognised as dead by whoever comes across it, ignoring.
    if (!name_.empty()) (void)release_name(here_->layout, name_, id_.text());
    for (auto const& volume : volumes_) (void)remove_volume(*here_, volume);
    (void)remove_tree_of_container(*here_, directory_);
}

Result<std::string> UnfinishedContainer::take_name(std::optional<std::string> const& wanted) {
    if (wanted) TRY(engine::take_name(here_->layout, *wanted, id_));
    name_ = wanted ? *wanted : TRY(take_generated_name(here_->layout, id_));
    return name_;
}

} // namespace bolt::engine
