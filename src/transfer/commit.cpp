#include "transfer/commit.h"

#include "store/layer_archives.h"

namespace bolt::transfer {

namespace {

store::ImageRecord record_of(ResolvedImage const& resolved, std::vector<PulledLayer> const& layers) {
    store::ImageRecord record{resolved.config, resolved.manifest, resolved.document.platform, resolved.document.created, {}, {}, resolved.document.config};
    for (auto const& layer : layers) {
        record.size.count += layer.record.size.count;
        record.layers.push_back({layer.key, layer.record.diff_id.text()});
    }
    return record;
}

} // namespace

Result<void> commit(store::Layout const& layout, ResolvedImage const& image, std::vector<PulledLayer> const& layers, std::vector<image::Reference> const& names,
                    store::ReferenceRecord const& record, PullOptions const& options, Progress& progress) {
    store::Document const documents[] = {{image.config, image.config_bytes}, {image.manifest, image.manifest_bytes}};
    TRY(store::commit_image(layout, record_of(image, layers), documents, names, record, options.sync));
    if (auto const limited = store::limit_layer_blobs(layout, options.blob_limit); !limited) progress.warn(fmt::format("make room in the store: {}, ignoring", limited.error().text()));
    return {};
}

} // namespace bolt::transfer
