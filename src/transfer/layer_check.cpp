#include "transfer/layer_check.h"

#include <fcntl.h>

#include "base/shortage.h"
#include "image/difference.h"
#include "image/file_source.h"
#include "image/hasher.h"
#include "store/layer_archives.h"
#include "sys/file.h"
#include "transfer/layer_unpacking.h"

namespace bolt::transfer {

namespace {

class Interruptible : public image::ByteSource {
public:
    Interruptible(image::ByteSource& from, std::function<Result<void>()> go_on) : from_(from), go_on_(std::move(go_on)) {}
    Result<std::span<char const>> next() override {
        TRY(go_on_());
        return from_.next();
    }

private:
    image::ByteSource& from_;
    std::function<Result<void>()> go_on_;
};

// What meta.json says that the files do not.
std::string difference_of(store::LayerRecord const& found, store::LayerRecord const& expected) {
    if (found.diff_id != expected.diff_id) return fmt::format("its meta.json is of layer {}", found.diff_id.brief());
    if (found.archive.count != expected.archive.count) return fmt::format("its meta.json says that its archive has {} bytes, not {}", found.archive.count, expected.archive.count);
    if (found.size.count != expected.size.count) return fmt::format("its meta.json says that its files have {} bytes, not {}", found.size.count, expected.size.count);
    return found.implied == expected.implied ? "" : "its meta.json names other directories that the archive does not describe";
}

} // namespace

Result<void> LayerCheck::go_on() const { return options_.cancelled && options_.cancelled() ? Error::of(ECANCELED, "interrupted") : Result<void>(); }

Result<LookedAt> LayerCheck::look(StoredLayer const& layer) const {
    LookedAt looked;
    // Whoever removes it meanwhile waits; that it cannot be trusted is told below.
    auto const hold = FileLock::acquire(layout_.layer_lock(layer.key), LockMode::shared, std::chrono::seconds(10));
    if (!hold && !hold.error().is(ENOENT)) return hold.error();
    if (!hold) {
        looked.files = "a layer is missing";
        return looked;
    }
    TRY(look_at_packed(layer, looked));
    TRY(look_at_files(layer, looked));
    if (looked.files.empty()) TRY(look_at_record(layer, looked));
    return looked;
}

Result<void> LayerCheck::look_at_packed(StoredLayer const& layer, LookedAt& looked) const {
    looked.has_split = TRY(store::find_layer_split(layout_, layer.key)).has_value();
    for (auto& digest : TRY(store::list_layer_blobs(layout_, layer.key))) {
        auto file = open_file(layout_.layer(layer.key) / store::blob_name(digest), O_RDONLY);
        if (!file && file.error().is(ENOENT)) continue; // it went, to make room
        image::FileSource content(TRY(std::move(file)));
        Interruptible source(content, [this] { return go_on(); });
        image::HashingSource hashed(source, digest.algorithm());
        (TRY(hashed.finish()) == digest ? looked.sound : looked.damaged).push_back(std::move(digest));
    }
    return {};
}

Result<std::unique_ptr<image::ByteSource>> LayerCheck::open_archive(StoredLayer const& layer, LookedAt const& looked) const {
    if (looked.has_split || looked.sound.empty()) return open_layer_archive(layout_, layer);
    auto file = TRY(open_file(layout_.layer(layer.key) / store::blob_name(looked.sound.front()), O_RDONLY));
    return unpack_layer_archive(std::move(file), layer.diff_id);
}

Result<void> LayerCheck::look_at_files(StoredLayer const& layer, LookedAt& looked) const {
    auto const compared = [&]() -> Result<image::Compared> {
        auto const archive = TRY(open_archive(layer, looked));
        Interruptible source(*archive, [this] { return go_on(); });
        Root const files(TRY(Root::open(layout_.layer(layer.key) / "fs")));
        return image::find_difference(source, files, looked.has_split ? image::ArchiveContents::from_files : image::ArchiveContents::of_its_own, owners_);
    }();
    if (!compared && (compared.error().is(ECANCELED) || is_shortage(compared.error()))) return compared.error();
    if (!compared && compared.error().is(EACCES)) { // it belongs to ids that this user had, and has no more
        progress_.warn(fmt::format("layer {} is not compared: {}", layer.diff_id.brief(), compared.error().text()));
        return {};
    }
    looked.files = compared ? compared.value().difference.value_or("") : compared.error().text();
    if (!looked.files.empty()) return {};
    auto const& is = compared.value();
    bool const depends = layer.key != store::plain_key(layer.diff_id);
    looked.should_say = store::LayerRecord{layer.diff_id, is.size, depends ? is.implied : std::vector<std::string>(), is.archive};
    return {};
}

Result<void> LayerCheck::look_at_record(StoredLayer const& layer, LookedAt& looked) const {
    auto const record = store::read_layer(layout_, layer.key);
    bool const is_damage = !record && (record.error().is(ENOENT) || record.error().is(EBADMSG) || record.error().is(ESTALE));
    if (!record && !is_damage) return record.error();
    if (is_damage)
        looked.record = record.error().text();
    else if (looked.should_say)
        looked.record = difference_of(record.value(), *looked.should_say);
    return {};
}

Result<void> LayerCheck::mend(StoredLayer const& layer, LookedAt const& found, std::span<StoredLayer const> below) const {
    if (found.files.empty() && found.should_say) return store::rewrite_layer_record(layout_, layer.key, *found.should_say, options_.sync);
    if (found.sound.empty()) return Error::of(ENOENT, "layer {} is not kept packed; remove the image and pull it again", layer.diff_id.brief());
    // Known at once, not after the unpacking; what counts is the look while the layers change places.
    TRY(store::require_unmounted_layer(layout_, layer.key));
    for (std::size_t at = 0;; ++at) {
        auto unpacked = unpack_anew(layer, found, found.sound[at], below);
        if (unpacked || !unpacked.error().is(EBADMSG) || at + 1 == found.sound.size()) return unpacked;
    }
}

Result<void> LayerCheck::unpack_anew(StoredLayer const& layer, LookedAt const& found, image::Digest const& packed, std::span<StoredLayer const> below) const {
    auto const directory = layout_.layer(layer.key);
    image::FileSource file(TRY(open_file(directory / store::blob_name(packed), O_RDONLY)));
    Interruptible source(file, [this] { return go_on(); });
    image::UnpackOptions unpack;
    unpack.unmapped_ids = options_.unmapped_ids;
    auto const unpacking = TRY(LayerUnpacking::start(layout_, {packed, layer.diff_id}, source, unpack, [] {}));
    auto finished = TRY(unpacking->take());
    for (auto const& digest : found.sound) TRY(make_hard_link(directory / store::blob_name(digest), finished.staged.blob(digest)));
    bool const depends = layer.key != store::plain_key(layer.diff_id);
    if (depends) TRY(copy_attributes(finished.staged, finished.unpacked.implied, below));
    store::LayerRecord const record{layer.diff_id, finished.unpacked.size, depends ? finished.unpacked.implied : std::vector<std::string>(), finished.unpacked.archive};
    return finished.staged.replace(layout_, layer.key, record, options_.sync);
}

// As a pull does: of the nearest layer below that has the directory.
Result<void> LayerCheck::copy_attributes(store::StagedLayer const& staged, std::vector<std::string> const& implied, std::span<StoredLayer const> below) const {
    auto const upper = TRY(Root::open(staged.files()));
    for (auto const& path : implied)
        for (auto lower = below.rbegin(); lower != below.rend(); ++lower) {
            Root const root(TRY(Root::open(layout_.layer(lower->key) / "fs")));
            if (TRY(image::copy_directory_attributes(root, upper, path))) break;
        }
    return {};
}

} // namespace bolt::transfer
