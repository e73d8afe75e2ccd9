#include "transfer/layer_archive.h"

#include <fcntl.h>
#include <unistd.h>

#include "image/compress.h"
#include "image/decompress.h"
#include "image/file_source.h"
#include "image/hasher.h"
#include "image/tar_split.h"
#include "store/intake.h"
#include "store/layer_archives.h"
#include "sys/file.h"

namespace bolt::transfer {

namespace {

class Archive : public image::ByteSource {
public:
    Archive(UniqueFd file, std::optional<Root> files, image::Digest diff_id)
        : file_(std::move(file)), files_(std::move(files)), diff_id_(std::move(diff_id)),
          plain_(files_ ? std::unique_ptr<image::ByteSource>(std::make_unique<image::TarSplitSource>(file_, *files_)) : image::decompress(file_)),
          hashed_(*plain_, diff_id_.algorithm()) {}

    Result<std::span<char const>> next() override {
        auto const piece = TRY(hashed_.next());
        if (!piece.empty() || verified_) return piece;
        auto const digest = TRY(hashed_.finish());
        if (digest != diff_id_) return Error::of(EBADMSG, "layer {} was changed in the store; remove the image and pull it again", diff_id_);
        verified_ = true;
        return piece;
    }

private:
    image::FileSource file_;
    std::optional<Root> files_;
    image::Digest diff_id_;
    std::unique_ptr<image::ByteSource> plain_;
    image::HashingSource hashed_;
    bool verified_ = false;
};

} // namespace

Result<std::unique_ptr<image::ByteSource>> open_layer_archive(store::Layout const& layout, StoredLayer const& layer) {
    using Opened = std::unique_ptr<image::ByteSource>;
    if (auto split = TRY(store::find_layer_split(layout, layer.key))) {
        auto root = TRY(Root::open(layout.layer(layer.key) / "fs"));
        return Opened(std::make_unique<Archive>(std::move(*split), std::move(root), layer.diff_id));
    }
    for (auto const& digest : TRY(store::list_layer_blobs(layout, layer.key)))
        if (auto blob = TRY(store::find_layer_blob(layout, layer.key, digest))) return Opened(std::make_unique<Archive>(std::move(*blob), std::nullopt, layer.diff_id));
    return Error::of(ENOENT, "the archive of layer {} is not in the store; remove the image and pull it again", layer.diff_id);
}

Result<std::unique_ptr<image::ByteSource>> unpack_layer_archive(UniqueFd packed, image::Digest const& diff_id) {
    return std::unique_ptr<image::ByteSource>(std::make_unique<Archive>(std::move(packed), std::nullopt, diff_id));
}

Result<PackedLayer> pack_layer(store::Layout const& layout, StoredLayer const& layer, Packing const& packing) {
    auto const archive = TRY(open_layer_archive(layout, layer));
    auto const compressed = TRY(image::compress(*archive, packing.compression, packing.level));
    image::HashingSource hashed(*compressed, image::Digest::Algorithm::sha256);
    auto const staged = TRY(store::StagedLayer::make(layout));
    auto const place = staged.files() / "blob";
    auto const file = TRY(open_file(place, O_WRONLY | O_CREAT | O_EXCL, 0600));
    for (auto piece = TRY(hashed.next()); !piece.empty(); piece = TRY(hashed.next())) {
        if (packing.cancelled && packing.cancelled()) return Error::of(ECANCELED, "interrupted");
        TRY(write_all(file, {piece.data(), piece.size()}).while_doing("write the packed layer"));
    }
    auto const size = hashed.count();
    auto digest = TRY(hashed.finish());
    if (fsync(file.number()) < 0) return Error::from_errno("write the packed layer");
    TRY(store::add_layer_blob(layout, layer.key, digest, place));
    return PackedLayer{std::move(digest), size};
}

} // namespace bolt::transfer
