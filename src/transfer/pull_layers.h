// The layers of one image, downloaded and unpacked side by side.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "store/intake.h"
#include "transfer/growing_file.h"
#include "transfer/layer_unpacking.h"
#include "transfer/image_files.h"
#include "transfer/pull.h"
#include "transfer/resolve.h"

namespace bolt::transfer {

// A layer that is in the store, held against removal.
struct PulledLayer {
    std::string key;
    store::LayerRecord record;
    FileLock hold;
};

class LayerPulls {
public:
    // Exactly one of `registry` and `local` is given. All must outlive this.
    LayerPulls(store::Layout const& layout, ResolvedImage const& image, Registry* registry, BlobSource const* local, PullOptions const& options, Progress& progress);
    ~LayerPulls();
    LayerPulls(LayerPulls&&) = delete;

    // All layers, lowest first. On failure everything is stopped; layers that are whole stay where a next pull finds them,
    // unless the image itself is bad: then what was added is taken out again.
    Result<std::vector<PulledLayer>> run();
    // Some layer was not there before.
    bool fetched_anything() const { return fetched_anything_; }

private:
    struct Task;
    Result<void> run_until_over();
    Result<void> step(Task& task);
    Result<void> begin(Task& task);
    Result<bool> find_in_store(Task& task);
    Result<void> begin_local(Task& task);
    Result<void> begin_unpacking(Task& task, FdRef file, std::uint64_t available, std::uint64_t begin = 0);
    void download(Task& task);
    void end_download(Task& task);
    Result<void> download_ended(Task& task);
    Result<void> unpacking_ended(Task& task);
    Result<void> keep_blob(Task& task, FinishedLayer const& finished);
    void warn_of_changes();
    Result<void> commit(Task& task, FinishedLayer finished);
    Result<void> discard_download(Task& task);
    Result<void> commit_implied();
    void show();
    void stop_all();
    void take_back();

    store::Layout const& layout_;
    ResolvedImage const& image_;
    Registry* registry_;
    BlobSource const* local_;
    PullOptions const& options_;
    Progress& progress_;
    HttpClient idle_client_;      // for waiting, when nothing is downloaded
    HttpClient& client_;
    std::list<Task> tasks_;       // lowest layer first
    std::size_t active_ = 0;
    bool fetched_anything_ = false;
    std::uint64_t ids_given_to_user_ = 0, devices_left_out_ = 0, attributes_left_out_ = 0;
};

} // namespace bolt::transfer
