// One layer on its way from compressed bytes to a directory, on two threads of its own:
//
//   bytes ──► digest of the blob ──► inflate ──► (bounded queue) ──► digest of the diff ──► files in store/tmp
//
// Situation: the process may have any number of these at once. A layer is only handed out when both digests were right.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <thread>

#include "base/result.h"
#include "image/digest.h"
#include "image/unpack.h"
#include "store/intake.h"
#include "transfer/piece_queue.h"

namespace bolt::transfer {

struct LayerPlan {
    image::Digest blob;         // of the compressed bytes
    image::Digest diff_id;      // of the uncompressed ones
};

struct FinishedLayer {
    store::StagedLayer staged;
    image::Unpacked unpacked;
};

class LayerUnpacking {
public:
    // `from` gives the compressed bytes and must outlive this. `on_end` is called once, from one of the threads.
    static Result<std::unique_ptr<LayerUnpacking>> start(store::Layout const& layout, LayerPlan plan, image::ByteSource& from,
                                                         image::UnpackOptions const& options, std::function<void()> on_end);
    LayerUnpacking(LayerUnpacking&&) = delete;
    // Waits for the threads: whoever destroys an unfinished one makes `from` fail first.
    ~LayerUnpacking();

    bool is_over() const { return over_.load(std::memory_order_acquire); }
    // Once, when it is over. EBADMSG: the blob's or the diff's digest is wrong; all others are about the archive or the disk.
    Result<FinishedLayer> take();

private:
    LayerUnpacking(LayerPlan plan, image::UnpackOptions const& options, store::StagedLayer staged, std::function<void()> on_end);
    void decompress_all(image::ByteSource& from);
    Result<void> decompress_and_verify(image::ByteSource& from);
    void unpack_all();
    Result<image::Unpacked> unpack_and_verify();
    Error damaged(Error const& how) const;

    LayerPlan plan_;
    image::UnpackOptions options_;
    store::StagedLayer staged_;
    std::function<void()> on_end_;
    PieceQueue queue_;
    std::atomic<bool> over_{false};
    Result<void> decompressed_;                       // written by the first thread, read after it was joined
    std::optional<Result<image::Unpacked>> unpacked_; // written by the second
    std::thread decompressor_, unpacker_;
};

} // namespace bolt::transfer
