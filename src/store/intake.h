// How images get into the store: downloads that can be resumed, layers that appear whole, and references that come last.
//
// A layer is renamed into place as soon as its diffID was verified, and counts as durable when the file `durable` is in it, which is made
// after one syncfs of the store and before the first image file that names it. One without it that was made before the last boot is not
// trusted, since its contents may never have reached the disk.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/digest.h"
#include "image/reference.h"
#include "store/image_record.h"
#include "store/images.h"
#include "store/layout.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "sys/root.h"

namespace bolt::store {

// Whether what is made known must have reached the disk.
enum class Sync { whole_file_system, none };

// A blob on its way: ingest/<digest>/{part,ranges,lock}. Whoever holds it is the only downloader.
class Ingest {
public:
    // None while somebody else holds it; `holder` then is that process, when it is known.
    static Result<std::optional<Ingest>> find(Layout const& layout, image::Digest const& digest, std::optional<pid_t>& holder);

    // Opened for reading and writing; what is in it are the blob's first bytes.
    FdRef part() const { return part_; }
    std::uint64_t size() const;
    // What the server called this version of the blob (an ETag), for If-Range; "" when it is not known.
    std::string validator() const;
    Result<void> set_validator(std::string_view validator) const;
    // Everything that was downloaded was wrong or is no longer needed.
    Result<void> discard();
    // The whole blob is given to somebody: renamed to `target`. It stays held, so that nobody begins it anew before the layer is in
    // its place; discard() follows.
    Result<void> give(HostPath const& target);

private:
    Ingest(Layout layout, HostPath directory, FileLock lock, UniqueFd part)
        : layout_(std::move(layout)), directory_(std::move(directory)), lock_(std::move(lock)), part_(std::move(part)) {}
    Layout layout_;
    HostPath directory_;
    FileLock lock_;
    UniqueFd part_;
};

// What layers/<key>/meta.json says.
struct LayerRecord {
    image::Digest diff_id;
    Bytes size;                        // of the files' contents
    std::vector<std::string> implied;  // directories whose attributes came from the layers below
    Bytes archive;                     // of the uncompressed archive
};

// The key of a layer without implied directories: its diffID's hex. One with them depends on what is below it, and has its chain ID's hex.
std::string plain_key(image::Digest const& diff_id);

// In a layer's directory, beside fs/ and meta.json: docs/store.md.
inline constexpr std::string_view split_name = "tar-split";
std::string blob_name(image::Digest const& digest);

// A layer being made: tmp/<name>/fs, held by a lock beside it. Removed when this goes out of scope.
class StagedLayer {
public:
    static Result<StagedLayer> make(Layout const& layout);
    StagedLayer(StagedLayer&& other) noexcept : directory_(std::move(other.directory_)), lock_(std::exchange(other.lock_, std::nullopt)) {}
    StagedLayer& operator=(StagedLayer&&) = delete;
    ~StagedLayer();

    HostPath files() const { return directory_ / "fs"; }
    HostPath split() const { return directory_ / split_name; } // what image::TarSplitWriter writes; absent when it was spoiled
    HostPath blob(image::Digest const& digest) const { return directory_ / blob_name(digest); } // the layer as it travelled, when it is kept
    // Renames it to layers/<key>, unless somebody else was faster: then theirs is used. Holds the layer from then on. A layer there that
    // cannot be trusted changes places with this one; EBUSY when somebody uses that.
    Result<FileLock> commit(Layout const& layout, std::string const& key, LayerRecord const& record);
    // Changes places with layers/<key>, whatever is there, and is durable by then: at every moment one of the two is in place, whole. The
    // other is removed. EBUSY when somebody uses it.
    Result<void> replace(Layout const& layout, std::string const& key, LayerRecord const& record, Sync sync);

private:
    Result<bool> replace_untrusted(Layout const& layout, std::string const& key);
    Result<void> exchange(Layout const& layout, std::string const& key);
    void forget_staging();
    StagedLayer(HostPath directory, FileLock lock) : directory_(std::move(directory)), lock_(std::move(lock)) {}
    HostPath directory_;
    std::optional<FileLock> lock_;
};

// What meta.json says of a layer that can be trusted. ENOENT when it or fs/ is missing, EBADMSG when it says nonsense, ESTALE for a layer of
// another boot that is not durable; any other error tells nothing about the layer.
Result<LayerRecord> read_layer(Layout const& layout, std::string const& key);
// A layer that is there and can be trusted, held against removal; none otherwise. Looking changes nothing: a layer that cannot be trusted
// goes when a better one takes its place, or in a sweep when no image names it.
struct HeldLayer {
    FileLock lock;
    LayerRecord record;
};
Result<std::optional<HeldLayer>> find_layer(Layout const& layout, std::string const& key);
// Whether it is there and can be trusted at this moment; nothing is held.
Result<bool> is_whole_layer(Layout const& layout, std::string const& key);
// EBUSY when a running container has its files mounted, which must stay, damaged or not.
Result<void> require_unmounted_layer(Layout const& layout, std::string const& key);
// Its record is what its files are, and they last.
Result<void> rewrite_layer_record(Layout const& layout, std::string const& key, LayerRecord const& record, Sync sync);
// The keys of all layers that some image file names.
Result<std::set<std::string>> layers_of_images(Layout const& layout);
// Takes a layer out that no image names and nobody holds: what it was in size; none when it stays.
Result<std::optional<Bytes>> remove_unused_layer(Layout const& layout, std::string const& key);
// None when it is not there.
Result<std::optional<Bytes>> layer_size(Layout const& layout, std::string const& key);

// Writes a small blob (a manifest, a configuration) durably.
Result<void> write_blob(Layout const& layout, image::Digest const& digest, std::string_view contents, Durability durability = Durability::none);
Result<std::optional<std::string>> find_blob(Layout const& layout, image::Digest const& digest);

// A manifest or a configuration.
struct Document {
    image::Digest digest;
    std::string_view contents;
};
// Its image file is written anew, from what the documents say. ENOENT when there is none (any more).
Result<void> rewrite_image_record(Layout const& layout, ImageRecord const& image);
// Makes the image known: its documents, syncfs, the image file, then its names, which may be none. The layers must be in place and held.
Result<void> commit_image(Layout const& layout, ImageRecord const& image, std::span<Document const> documents, std::vector<image::Reference> const& names, ReferenceRecord const& record, Sync sync);

} // namespace bolt::store
