// The layers of one image on their way into a repository, several at once, each on a thread of its own.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "spec/image_manifest.h"
#include "transfer/layer_archive.h"
#include "transfer/progress.h"
#include "transfer/registry.h"

namespace bolt::transfer {

// What the manifest says of a layer, and where the store has it.
struct LayerToPush {
    StoredLayer stored;
    image::Digest blob;
    std::uint64_t size;
    spec::LayerCompression compression;
    std::vector<std::string> elsewhere; // repositories of the same registry that may have it
};
// What the repository has now: another blob when the layer had to be packed anew.
struct LayerInRepository {
    image::Digest blob;
    std::uint64_t size;
    spec::LayerCompression compression;
};

class LayerPushes {
public:
    // All must outlive this. With `repacks`, layers of another compression than `packing` says are packed anew.
    LayerPushes(store::Layout const& layout, Registry& registry, std::vector<LayerToPush> layers, Packing packing, bool repacks, Progress& progress);
    ~LayerPushes();
    LayerPushes(LayerPushes&&) = delete;

    // In the order of the layers. On the first failure all are stopped.
    Result<std::vector<LayerInRepository>> run();

private:
    struct Task;
    void work();
    Result<LayerInRepository> push(Task& task, Registry& registry);
    Result<std::optional<LayerInRepository>> take_what_is_there(Task& task, Registry& registry);
    Result<void> upload(Task& task, Registry& registry, LayerInRepository const& blob);
    void show();

    store::Layout const& layout_;
    Registry& registry_;
    Packing packing_;
    bool repacks_;
    Progress& progress_;
    std::deque<Task> tasks_;
    std::atomic<std::size_t> next_{0}, working_{0};
    std::atomic<bool> stopped_{false};
    std::mutex mutex_;
    std::optional<Error> failure_; // the first one
    std::vector<std::thread> threads_;
};

} // namespace bolt::transfer
