#include "store/sweep.h"

#include <sys/stat.h>
#include <unistd.h>

#include "store/image_record.h"
#include "store/intake.h"
#include "sys/file.h"

namespace bolt::store {

namespace {

void sweep_staging(Layout const& layout, ErrorList& errors) {
    auto const names = list_directory(layout.tmp());
    if (!names) return errors.push_back(names.error());
    for (auto const& name : names.value()) {
        bool const is_lock = name.ends_with(".lock");
        auto const stem = is_lock ? name.substr(0, name.size() - 5) : name;
        auto const lock_file = layout.tmp() / (stem + ".lock");
        auto const lock = FileLock::find(lock_file, LockMode::exclusive);
        if (!lock || !lock.value()) continue; // it lives
        if (auto const removed = remove_by_rename(layout, layout.tmp() / stem); !removed) errors.push_back(removed.error());
        unlink(lock_file.c_str());
    }
}

void sweep_half_written_in(HostPath const& directory, ErrorList& errors) {
    if (auto const removed = remove_dead_staging(directory); !removed && !removed.error().is(ENOENT)) errors.push_back(removed.error());
}

// Staged files beside blobs, image files and references: in `directory` and everywhere below it.
void sweep_half_written_below(HostPath const& directory, ErrorList& errors) {
    auto const names = list_directory(directory);
    if (!names) return; // a file, or it vanished
    sweep_half_written_in(directory, errors);
    for (auto const& name : names.value())
        if (!is_reference_file(name) && !name.starts_with('.')) sweep_half_written_below(directory / name, errors);
}

void sweep_downloads(Layout const& layout, ErrorList& errors) {
    auto const names = list_directory(layout.ingest());
    if (!names) return errors.push_back(names.error());
    for (auto const& name : names.value()) {
        auto const look = stat_file(layout.ingest() / name / "part");
        auto const digest = image::Digest::parse(name);
        // Without a part, or with an empty one, there is nothing to go on from: whoever had it has given it to a layer, and was killed.
        bool const is_resumable = look && look.value().st_size > 0 && Clock::now() - Clock::from_time_t(look.value().st_mtim.tv_sec) < std::chrono::hours(24 * 7);
        if (!digest || is_resumable) continue;
        std::optional<pid_t> holder;
        auto ingest = Ingest::find(layout, digest.value(), holder);
        if (!ingest || !ingest.value()) continue;
        if (auto const gone = ingest.value()->discard(); !gone) errors.push_back(gone.error());
    }
}

// A container that outlived its image's name has the layer's path in its record.
Result<bool> is_in_a_container(Layout const& layout, std::string const& key) {
    for (auto const& id : TRY(list_directory(layout.containers()))) {
        auto const record = TRY(find_file(layout.containers() / id / "config.json"));
        if (record && record->find("/" + key + "/") != record->npos) return true;
    }
    return false;
}

// One that no image names any more: it was held when its image was removed. One that no image came to name, when nobody wants it, or
// when its boot is over.
Result<bool> is_left_over(Layout const& layout, Layers unfinished, std::string const& key) {
    if (unfinished == Layers::go || exists(layout.layer(key) / "durable")) return true;
    return !TRY(is_whole_layer(layout, key));
}

Result<void> remove_forgotten_layer(Layout const& layout, Layers unfinished, std::string const& key) {
    if (!TRY(is_left_over(layout, unfinished, key))) return {};
    // Whoever makes a container holds the layer until its record is there.
    auto const lock = FileLock::find(layout.layer_lock(key), LockMode::exclusive);
    if (!lock) return lock.error().is(ENOENT) ? Result<void>() : lock.error();
    // Another process may have put a new one there before the lock was taken.
    if (!lock.value() || !TRY(is_left_over(layout, unfinished, key)) || TRY(is_in_a_container(layout, key)) || TRY(layers_of_images(layout)).contains(key)) return {};
    return remove_by_rename(layout, layout.layer(key));
}

void sweep_layers(Layout const& layout, Layers unfinished, ErrorList& errors) {
    auto const names = list_directory(layout.layers());
    if (!names) return errors.push_back(names.error());
    auto const named = layers_of_images(layout);
    if (!named) return errors.push_back(named.error());
    for (auto const& key : names.value()) {
        if (named.value().contains(key)) continue;
        if (auto const done = remove_forgotten_layer(layout, unfinished, key); !done) errors.push_back(done.error());
    }
}

// Whether it was there a minute ago: what is being made looks the same for a moment.
bool is_old(HostPath const& path) {
    struct stat look {};
    return lstat(path.c_str(), &look) == 0 && Clock::now() - Clock::from_time_t(look.st_mtim.tv_sec) > std::chrono::minutes(1);
}

bool has_text(HostPath const& file) {
    auto const look = stat_file(file);
    return look && look.value().st_size > 0;
}

// Containers that were never finished: the record comes last. An empty one is what a power cut can leave of it.
void sweep_containers(Layout const& layout, ErrorList& errors) {
    auto const ids = list_directory(layout.containers());
    if (!ids) return errors.push_back(ids.error());
    for (auto const& id : ids.value()) {
        auto const directory = layout.containers() / id, record = directory / "config.json";
        if (has_text(record) || !is_old(directory)) continue;
        auto const lock = FileLock::find(directory / "lock", LockMode::exclusive);
        if (!lock || !lock.value() || has_text(record)) continue;
        if (auto const removed = remove_by_rename(layout, directory); !removed) errors.push_back(removed.error());
    }
}

// Their names, with the lock of those who take names over.
void sweep_names(Layout const& layout, ErrorList& errors) {
    auto const lock = FileLock::find(layout.names_lock(), LockMode::exclusive);
    auto const names = list_directory(layout.names());
    if (!lock || !lock.value() || !names) return;
    for (auto const& name : names.value()) {
        auto const link = layout.names() / name;
        auto const holder = read_symlink(link);
        if (!holder || exists(layout.containers() / holder.value()) || !is_old(link)) continue;
        if (auto const removed = remove_file(link); !removed && !removed.error().is(ENOENT)) errors.push_back(removed.error());
    }
}

} // namespace

ErrorList sweep(Layout const& layout, Layers unfinished) {
    ErrorList errors;
    sweep_staging(layout, errors);
    sweep_half_written_in(layout.store(), errors); // VERSION
    sweep_half_written_in(layout.indexes(), errors);
    for (auto const& directory : {layout.images(), layout.blobs(), layout.refs()}) sweep_half_written_below(directory, errors);
    sweep_downloads(layout, errors);
    sweep_layers(layout, unfinished, errors);
    sweep_containers(layout, errors);
    sweep_names(layout, errors);
    auto const graves = list_directory(layout.trash());
    if (!graves) return errors;
    for (auto const& name : graves.value())
        if (auto const removed = remove_tree(layout.trash() / name); !removed && !removed.error().is(ENOENT)) errors.push_back(removed.error());
    return errors;
}

} // namespace bolt::store
