// One layer of the store against the digests that its image has, and how it becomes again what they say.
//
// Situation: as check_store(). Looking changes nothing; a layer that is mended changes places with the damaged one in one step, so that at
//            every moment one of the two is there with its packed forms.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/digest.h"
#include "image/unpack.h"
#include "store/intake.h"
#include "transfer/layer_archive.h"
#include "transfer/progress.h"
#include "transfer/pull.h"

namespace bolt::transfer {

struct LookedAt {
    std::string files, record;                    // what is damaged: its files; its meta.json or the mark `durable`. "" for nothing
    std::optional<store::LayerRecord> should_say; // meta.json, when the files are sound and could be compared
    std::vector<image::Digest> sound, damaged;    // packed forms
    bool has_split = false;                       // the archive can be made of the files
    std::string const& damage() const { return files.empty() ? record : files; }
};

class LayerCheck {
public:
    // All must outlive this.
    LayerCheck(store::Layout const& layout, image::UnmappedIds owners, PullOptions const& options, Progress& progress)
        : layout_(layout), owners_(owners), options_(options), progress_(progress) {}

    // ECANCELED when `options.cancelled` said so; every other error tells nothing about the layer.
    Result<LookedAt> look(StoredLayer const& layer) const;
    // `below` are the layers under it in an image, lowest first, which are sound. ENOENT when no packed form is; EBUSY when somebody uses it.
    Result<void> mend(StoredLayer const& layer, LookedAt const& found, std::span<StoredLayer const> below) const;

private:
    Result<void> go_on() const;
    Result<void> look_at_packed(StoredLayer const& layer, LookedAt& looked) const;
    Result<void> look_at_files(StoredLayer const& layer, LookedAt& looked) const;
    Result<std::unique_ptr<image::ByteSource>> open_archive(StoredLayer const& layer, LookedAt const& looked) const;
    Result<void> look_at_record(StoredLayer const& layer, LookedAt& looked) const;
    Result<void> unpack_anew(StoredLayer const& layer, LookedAt const& found, image::Digest const& packed, std::span<StoredLayer const> below) const;
    Result<void> copy_attributes(store::StagedLayer const& staged, std::vector<std::string> const& implied, std::span<StoredLayer const> below) const;

    store::Layout const& layout_;
    image::UnmappedIds owners_;
    PullOptions const& options_;
    Progress& progress_;
};

} // namespace bolt::transfer
