#include "transfer/push_layers.h"

#include <algorithm>
#include <chrono>

#include "store/layer_archives.h"
#include "sys/file.h"
#include "transfer/blob_upload.h"

namespace bolt::transfer {

namespace {
constexpr std::size_t most_at_once = 4; // a registry has one disk
constexpr auto tick = std::chrono::milliseconds(100);
} // namespace

// Written by its thread; `state` and `moved` are read by the one that shows them.
struct LayerPushes::Task {
    explicit Task(LayerToPush wanted) : layer(std::move(wanted)), total(layer.size) {}
    LayerToPush layer;
    std::atomic<Progress::LayerState> state{Progress::LayerState::waiting};
    std::atomic<std::uint64_t> moved{0}, total;
    std::optional<LayerInRepository> pushed;
};

LayerPushes::LayerPushes(store::Layout const& layout, Registry& registry, std::vector<LayerToPush> layers, Packing packing, bool repacks, Progress& progress)
    : layout_(layout), registry_(registry), packing_(std::move(packing)), repacks_(repacks), progress_(progress) {
    for (auto& layer : layers) tasks_.emplace_back(std::move(layer));
    packing_.cancelled = [this, asked = std::move(packing_.cancelled)] { return stopped_.load() || (asked && asked()); };
}

LayerPushes::~LayerPushes() {
    stopped_ = true;
    for (auto& thread : threads_) thread.join();
}

Result<std::vector<LayerInRepository>> LayerPushes::run() {
    working_ = std::min(most_at_once, tasks_.size());
    for (std::size_t i = 0, count = working_; i < count; ++i) threads_.emplace_back([this] { work(); });
    for (auto pause = std::chrono::milliseconds(1); working_ > 0; pause = std::min(2 * pause, std::chrono::milliseconds(tick))) {
        if (packing_.cancelled()) stopped_ = true;
        show();
        std::this_thread::sleep_for(pause);
    }
    show();
    if (failure_) return *failure_;
    std::vector<LayerInRepository> pushed;
    for (auto& task : tasks_) {
        if (!task.pushed) return Error::of(ECANCELED, "interrupted; run the same command again to go on");
        pushed.push_back(std::move(*task.pushed));
    }
    return pushed;
}

void LayerPushes::work() {
    auto const registry = registry_.clone();
    for (auto mine = next_++; mine < tasks_.size() && !stopped_; mine = next_++) {
        auto& task = tasks_[mine];
        auto pushed = push(task, *registry);
        if (pushed) {
            task.pushed = std::move(pushed).value();
            continue;
        }
        stopped_ = true;
        std::lock_guard const guard(mutex_);
        if (!failure_) failure_ = pushed.error();
    }
    --working_;
}

Result<LayerInRepository> LayerPushes::push(Task& task, Registry& registry) {
    if (!repacks_ || task.layer.compression == packing_.compression)
        if (auto there = TRY(take_what_is_there(task, registry))) return std::move(*there);
    task.state = Progress::LayerState::packing;
    auto packed = TRY(pack_layer(layout_, task.layer.stored, packing_).while_doing("pack layer {}", task.layer.stored.diff_id));
    LayerInRepository const blob{std::move(packed.blob), packed.size, packing_.compression};
    task.total = blob.size;
    if (TRY(has_blob(registry, blob.blob)))
        task.state = Progress::LayerState::there_already;
    else
        TRY(upload(task, registry, blob));
    return blob;
}

// As the manifest has it: in the repository, in another one, or kept here. None when it must be packed.
Result<std::optional<LayerInRepository>> LayerPushes::take_what_is_there(Task& task, Registry& registry) {
    auto const& layer = task.layer;
    LayerInRepository const blob{layer.blob, layer.size, layer.compression};
    if (TRY(has_blob(registry, layer.blob))) {
        task.state = Progress::LayerState::there_already;
        return std::optional(blob);
    }
    for (auto const& repository : layer.elsewhere)
        if (TRY(mount_blob(registry, layer.blob, repository))) {
            task.state = Progress::LayerState::mounted;
            return std::optional(blob);
        }
    if (!TRY(store::find_layer_blob(layout_, layer.stored.key, layer.blob))) return std::optional<LayerInRepository>();
    TRY(upload(task, registry, blob));
    return std::optional(blob);
}

Result<void> LayerPushes::upload(Task& task, Registry& registry, LayerInRepository const& blob) {
    auto const file = TRY(store::find_layer_blob(layout_, task.layer.stored.key, blob.blob));
    if (!file) return Error::of(EAGAIN, "blob {} was removed meanwhile; try again", blob.blob);
    task.state = Progress::LayerState::uploading;
    TRY(upload_blob(registry, {blob.blob, blob.size, *file, [&task](std::uint64_t sent) { task.moved = sent; }}));
    task.state = Progress::LayerState::done;
    return {};
}

void LayerPushes::show() {
    std::vector<Progress::Layer> layers;
    for (auto const& task : tasks_) layers.push_back({task.layer.blob.brief(), task.state, task.moved, task.total, {}});
    progress_.layers(layers);
}

} // namespace bolt::transfer
