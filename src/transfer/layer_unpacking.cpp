#include "transfer/layer_unpacking.h"

#include <fcntl.h>

#include "image/decompress.h"
#include "image/hasher.h"
#include "sys/file.h"

namespace bolt::transfer {

namespace {
constexpr std::size_t queued_pieces = 4; // of half a MiB
}

LayerUnpacking::LayerUnpacking(LayerPlan plan, image::UnpackOptions const& options, store::StagedLayer staged, std::function<void()> on_end)
    : plan_(std::move(plan)), options_(options), staged_(std::move(staged)), on_end_(std::move(on_end)), queue_(queued_pieces) {}

Result<std::unique_ptr<LayerUnpacking>> LayerUnpacking::start(store::Layout const& layout, LayerPlan plan, image::ByteSource& from,
                                                              image::UnpackOptions const& options, std::function<void()> on_end) {
    auto staged = TRY(store::StagedLayer::make(layout));
    std::unique_ptr<LayerUnpacking> layer(new LayerUnpacking(std::move(plan), options, std::move(staged), std::move(on_end)));
    layer->decompressor_ = std::thread([raw = layer.get(), &from] { raw->decompress_all(from); });
    layer->unpacker_ = std::thread([raw = layer.get()] { raw->unpack_all(); });
    return layer;
}

LayerUnpacking::~LayerUnpacking() {
    // It joins the other one.
    if (unpacker_.joinable()) unpacker_.join();
}

Error LayerUnpacking::damaged(Error const& how) const { return Error::of(EBADMSG, "layer {} is damaged ({}): tell whoever made the image", plan_.blob, how.text()); }

void LayerUnpacking::decompress_all(image::ByteSource& from) {
    decompressed_ = decompress_and_verify(from);
    if (decompressed_)
        queue_.close();
    else
        queue_.fail(decompressed_.error());
}

Result<void> LayerUnpacking::decompress_and_verify(image::ByteSource& from) {
    image::HashingSource hashed(from, plan_.blob.algorithm());
    auto const plain = image::decompress(hashed);
    std::optional<Error> damage;
    for (;;) {
        auto const piece = plain->next();
        if (!piece) {
            // Wrong bytes are the better explanation of damage, and only the whole blob tells.
            if (!piece.error().is(EINVAL)) return piece.error();
            damage = piece.error();
            break;
        }
        if (piece.value().empty() || !queue_.push(piece.value())) break;
    }
    if (plan_.blob == plan_.diff_id && !damage) return {}; // not packed: the other thread hashes the same bytes
    auto const digest = TRY(hashed.finish());
    if (digest != plan_.blob) return Error::of(EBADMSG, "the bytes received for blob {} have digest {}; try again, or tell whoever runs the registry", plan_.blob, digest);
    if (damage) return damaged(*damage);
    return {};
}

void LayerUnpacking::unpack_all() {
    unpacked_ = unpack_and_verify();
    if (!*unpacked_) queue_.give_up();
    // Nothing may be said before both are done: the first thread may know better why the second failed.
    decompressor_.join();
    over_.store(true, std::memory_order_release);
    on_end_();
}

Result<image::Unpacked> LayerUnpacking::unpack_and_verify() {
    image::HashingSource hashed(queue_, plan_.diff_id.algorithm());
    auto const root = TRY(Root::open(staged_.files()));
    auto const split_file = TRY(open_file(staged_.split(), O_WRONLY | O_CREAT | O_EXCL, 0600));
    image::TarSplitWriter split(split_file);
    auto done = image::unpack_layer(hashed, root, options_, &split);
    if (!done && done.error().is(EINVAL)) return damaged(done.error());
    auto unpacked = TRY(std::move(done));
    auto const digest = TRY(hashed.finish());
    if (digest != plan_.diff_id)
        return Error::of(EBADMSG, "layer {} unpacks to {}, but the image's configuration says {}; the image is damaged: tell whoever made it", plan_.blob, digest, plan_.diff_id);
    if (!TRY(split.finish())) TRY(remove_file(staged_.split()));
    return unpacked;
}

Result<FinishedLayer> LayerUnpacking::take() {
    unpacker_.join();
    if (!decompressed_) return decompressed_.error();
    auto unpacked = TRY(std::move(*unpacked_));
    return FinishedLayer{std::move(staged_), std::move(unpacked)};
}

} // namespace bolt::transfer
