#include "store/intake.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/random.h"

namespace bolt::store {

namespace {

constexpr auto patience = std::chrono::seconds(10);

Json to_json(LayerRecord const& record, std::string_view boot) {
    auto document = Json::object();
    document.set("diffID", record.diff_id.text()).set("size", record.size.count).set("archiveSize", record.archive.count).set("bootID", boot);
    return document.set_unless_empty("implied", Json(record.implied));
}

struct LayerFile {
    LayerRecord record;
    std::string boot;
};
Result<LayerFile> parse_layer_file(std::string_view text) {
    auto const document = TRY(Json::parse(text));
    auto diff_id = TRY(image::Digest::parse(TRY(document.string_or("diffID", ""))));
    auto boot_id = TRY(document.string_or("bootID", ""));
    LayerFile file{{std::move(diff_id), {}, {}, {}}, std::move(boot_id)};
    file.record.archive.count = TRY(document.unsigned_or("archiveSize", 0));
    file.record.size.count = static_cast<std::uint64_t>(TRY(document.integer_or("size", 0)));
    file.record.implied = TRY(document.strings("implied"));
    return file;
}

} // namespace

// ---- downloads

Result<std::optional<Ingest>> Ingest::find(Layout const& layout, image::Digest const& digest, std::optional<pid_t>& holder) {
    auto const directory = layout.ingest() / digest.text();
    auto const lock_file = directory / "lock";
    // The one before us removes the directory when it is done.
    for (int tries = 0;; ++tries) {
        TRY(make_directories(directory, 0700));
        auto lock = FileLock::find(lock_file, LockMode::exclusive);
        if (!lock && lock.error().is(ENOENT) && tries < 100) continue;
        if (!lock) return lock.error();
        if (!lock.value()) {
            auto const said = find_file(lock_file);
            auto const pid = said && said.value() ? parse_unsigned(trim(*said.value())) : Result<std::uint64_t>(Error(ENOENT, ""));
            if (pid) holder = static_cast<pid_t>(pid.value());
            return std::optional<Ingest>();
        }
        auto part = TRY(open_file(directory / "part", O_RDWR | O_CREAT, 0600));
        return std::optional(Ingest(layout, directory, std::move(*lock.value()), std::move(part)));
    }
}

std::uint64_t Ingest::size() const {
    auto const look = stat_fd(part_);
    return look ? static_cast<std::uint64_t>(look.value().st_size) : 0;
}

std::string Ingest::validator() const {
    auto const text = find_file(directory_ / "ranges");
    if (!text || !text.value()) return "";
    auto const document = Json::parse(*text.value());
    return document ? document.value().string_or("validator", "").value() : "";
}

Result<void> Ingest::set_validator(std::string_view validator) const {
    return write_file(directory_ / "ranges", Json::object().set("validator", validator).dump(), 0600, Durability::none);
}

// Whoever waits for the lock notices that its file has gone and makes a new directory.
Result<void> Ingest::discard() {
    TRY(remove_by_rename(layout_, directory_));
    lock_.release();
    return {};
}

Result<void> Ingest::give(HostPath const& target) { return rename_file(directory_ / "part", target); }

// ---- layers

std::string blob_name(image::Digest const& digest) { return fmt::format("blob-{}-{}", digest.text().substr(0, 6), digest.hex()); }

std::string plain_key(image::Digest const& diff_id) { return std::string(diff_id.hex()); }

Result<StagedLayer> StagedLayer::make(Layout const& layout) {
    auto const directory = layout.tmp() / TRY(random_name());
    auto const lock_file = TRY(HostPath::parse(directory.text() + ".lock"));
    // The lock comes first: staging without a held lock is what a killed process left.
    auto lock = TRY(FileLock::acquire(lock_file, LockMode::exclusive, patience));
    StagedLayer staged(directory, std::move(lock));
    TRY(make_directory(directory, 0700));
    TRY(make_directory(staged.files(), 0755));
    auto const files = TRY(open_file(staged.files(), O_RDONLY | O_DIRECTORY));
    // acl(5): what the directory above hands down would be handed on to the image's files.
    for (auto const* const list : {"system.posix_acl_default", "system.posix_acl_access"}) fremovexattr(files.number(), list);
    if (fchmod(files.number(), 0755) < 0) return Error::from_errno("set the mode of '{}'", staged.files());
    return staged;
}

StagedLayer::~StagedLayer() {
    if (!lock_) return; // moved from, or committed
    // What cannot be removed now, a later sweep removes: ignoring.
    (void)remove_tree(directory_).ok();
    forget_staging();
}

void StagedLayer::forget_staging() {
    unlink((directory_.text() + ".lock").c_str());
    lock_.reset();
}

namespace {

Result<void> write_layer_record(HostPath const& directory, LayerRecord const& record, Durability durability) {
    return write_file(directory / "meta.json", to_json(record, TRY(boot_id())).dump(), 0600, durability);
}

// After the sync of what it speaks of.
Result<void> mark_durable(HostPath const& directory, Sync sync) {
    auto const marker = directory / "durable";
    if (exists(marker)) return {};
    TRY(open_file(marker, O_WRONLY | O_CREAT, 0600));
    return sync == Sync::none ? Result<void>() : sync_directory(directory);
}

Result<bool> is_there(HostPath const& file) {
    auto const look = stat_file(file);
    return look || look.error().is(ENOENT) ? Result<bool>(look.ok()) : look.error();
}

bool is_untrusted(Error const& error) { return error.is(ENOENT) || error.is(ESTALE) || error.is(EBADMSG); }

} // namespace

Result<FileLock> StagedLayer::commit(Layout const& layout, std::string const& key, LayerRecord const& record) {
    TRY(write_layer_record(directory_, record, Durability::none));
    // The lock is on the file, which moves with the directory.
    auto held = TRY(FileLock::acquire(directory_ / "lock", LockMode::shared, patience));
    Backoff backoff;
    for (int tries = 0; tries < 100; ++tries) {
        auto const moved = rename_to_new(directory_, layout.layer(key));
        if (moved) {
            forget_staging();
            return held;
        }
        if (!moved.error().is(EEXIST) && !moved.error().is(ENOTEMPTY)) return moved.error();
        if (auto theirs = TRY(find_layer(layout, key))) return std::move(theirs->lock);
        if (TRY(replace_untrusted(layout, key))) return held;
        backoff.wait();
    }
    return Error::of(EBUSY, "layer '{}' comes and goes, or is damaged and in use; is another bolt removing it, or is its image mounted?", key);
}

// False when somebody uses it, or it is gone or trusted by now.
Result<bool> StagedLayer::replace_untrusted(Layout const& layout, std::string const& key) {
    auto const lock = FileLock::find(layout.layer_lock(key), LockMode::exclusive);
    if (!lock && lock.error().is(ENOENT)) return false;
    if (!lock) return lock.error();
    // Whoever held the lock before may have put a good one there.
    if (!lock.value() || TRY(is_whole_layer(layout, key))) return false;
    TRY(require_unmounted_layer(layout, key));
    TRY(exchange(layout, key));
    return true;
}

Result<void> StagedLayer::replace(Layout const& layout, std::string const& key, LayerRecord const& record, Sync sync) {
    TRY(write_layer_record(directory_, record, Durability::none));
    if (sync == Sync::whole_file_system) TRY(sync_filesystem(layout.store()));
    TRY(mark_durable(directory_, sync));
    TRY(require_unmounted_layer(layout, key));
    auto const lock = TRY(FileLock::find(layout.layer_lock(key), LockMode::exclusive));
    if (!lock) return Error::of(EBUSY, "somebody uses it, or the image is mounted (`bolt image mount` lists those); try again then");
    // Whoever made a container meanwhile held the layer until its record was there.
    TRY(require_unmounted_layer(layout, key));
    return exchange(layout, key);
}

// The other one's lock is held exclusively.
Result<void> StagedLayer::exchange(Layout const& layout, std::string const& key) {
    TRY(exchange_files(directory_, layout.layer(key)));
    // Not before the disk knows it may the old one go.
    TRY(sync_directory(layout.layers()));
    (void)remove_by_rename(layout, directory_).ok(); // a later sweep removes it: ignoring
    forget_staging();
    return {};
}

namespace {

Result<LayerFile> read_trusted(Layout const& layout, std::string const& key) {
    auto const directory = layout.layer(key);
    auto const text = TRY(find_file(directory / "meta.json"));
    if (!text) return Error(ENOENT, "its meta.json is missing");
    auto file = parse_layer_file(*text);
    if (!file) return Error::of(EBADMSG, "its meta.json is damaged: {}", file.error().text());
    if (!TRY(is_there(directory / "fs"))) return Error(ENOENT, "its files are missing");
    if (!TRY(is_there(directory / "durable")) && file.value().boot != TRY(boot_id())) return Error(ESTALE, "it is of another boot and may never have reached the disk");
    return file;
}

} // namespace

Result<LayerRecord> read_layer(Layout const& layout, std::string const& key) { return TRY(read_trusted(layout, key)).record; }

Result<bool> is_whole_layer(Layout const& layout, std::string const& key) {
    auto const file = read_trusted(layout, key);
    return file || is_untrusted(file.error()) ? Result<bool>(file.ok()) : file.error();
}

Result<std::optional<HeldLayer>> find_layer(Layout const& layout, std::string const& key) {
    auto lock = FileLock::acquire(layout.layer_lock(key), LockMode::shared, patience);
    if (!lock && lock.error().is(ENOENT)) return std::optional<HeldLayer>();
    if (!lock) return lock.error();
    auto file = read_trusted(layout, key);
    if (file) return std::optional(HeldLayer{std::move(lock).value(), std::move(file).value().record});
    return is_untrusted(file.error()) ? Result<std::optional<HeldLayer>>(std::nullopt) : file.error();
}

Result<void> require_unmounted_layer(Layout const& layout, std::string const& key) {
    for (auto const& id : TRY(list_directory(layout.containers()))) {
        auto const record = TRY(find_file(layout.containers() / id / "config.json"));
        if (!record || record->find("/" + key + "/") == record->npos) continue;
        auto const lock = FileLock::find(layout.containers() / id / "lock", LockMode::shared);
        if (!lock && !lock.error().is(ENOENT)) return lock.error();
        if (lock && !lock.value()) return Error::of(EBUSY, "container {} runs with it; stop it first", id.substr(0, 12));
    }
    return {};
}

Result<void> rewrite_layer_record(Layout const& layout, std::string const& key, LayerRecord const& record, Sync sync) {
    TRY(write_layer_record(layout.layer(key), record, sync == Sync::none ? Durability::none : Durability::synced));
    if (sync == Sync::whole_file_system) TRY(sync_filesystem(layout.store()));
    return mark_durable(layout.layer(key), sync);
}

Result<std::optional<Bytes>> remove_unused_layer(Layout const& layout, std::string const& key) {
    auto const lock = FileLock::find(layout.layer_lock(key), LockMode::exclusive);
    if (!lock) return lock.error().is(ENOENT) ? Result<std::optional<Bytes>>(Bytes{}) : lock.error();
    if (!lock.value() || TRY(layers_of_images(layout)).contains(key)) return std::optional<Bytes>();
    auto const size = layer_size(layout, key);
    TRY(remove_by_rename(layout, layout.layer(key)));
    return std::optional(size && size.value() ? *size.value() : Bytes{});
}

Result<std::optional<Bytes>> layer_size(Layout const& layout, std::string const& key) {
    auto const file = layout.layer(key) / "meta.json";
    auto const text = TRY(find_file(file));
    return text ? std::optional(TRY(parse_layer_file(*text).while_doing("read '{}'", file)).record.size) : std::nullopt;
}

// ---- blobs and images

Result<void> write_blob(Layout const& layout, image::Digest const& digest, std::string_view contents, Durability durability) {
    auto const file = layout.blob(digest);
    TRY(make_directories(file.parent(), 0700));
    return write_file(file, contents, 0600, durability);
}

Result<std::optional<std::string>> find_blob(Layout const& layout, image::Digest const& digest) { return find_file(layout.blob(digest)); }

Result<void> rewrite_image_record(Layout const& layout, ImageRecord const& image) {
    auto const change = TRY(FileLock::acquire(layout.lock(), LockMode::shared, patience));
    auto const images = TRY(FileLock::acquire(layout.images_lock(), LockMode::exclusive, patience));
    auto const file = layout.image_file(image.id);
    if (!exists(file)) return Error::of(ENOENT, "the image was removed meanwhile");
    return write_file(file, to_json(image).dump(), 0600, Durability::synced);
}

Result<void> commit_image(Layout const& layout, ImageRecord const& image, std::span<Document const> documents, std::vector<image::Reference> const& names, ReferenceRecord const& record, Sync sync) {
    for (auto const& document : documents) TRY(write_blob(layout, document.digest, document.contents));
    auto const change = TRY(FileLock::acquire(layout.lock(), LockMode::shared, patience));
    if (sync == Sync::whole_file_system) TRY(sync_filesystem(layout.store()));
    for (auto const& layer : image.layers) TRY(mark_durable(layout.layer(layer.key), sync));
    auto const images = TRY(FileLock::acquire(layout.images_lock(), LockMode::exclusive, patience));
    auto const durability = sync == Sync::none ? Durability::none : Durability::synced;
    // The same image may have been removed meanwhile, and they with it.
    for (auto const& document : documents)
        if (auto const file = layout.blob(document.digest); !exists(file)) TRY(write_file(file, document.contents, 0600, durability));
    TRY(write_file(layout.image_file(image.id), to_json(image).dump(), 0600, durability));
    for (auto const& name : names) {
        auto const file = reference_file(layout, name);
        TRY(make_directories(file.parent(), 0700));
        TRY(write_file(file, to_json(record).dump(), 0600, durability));
    }
    return {};
}

} // namespace bolt::store
