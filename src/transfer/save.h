// Images of the local store into an archive or a directory that other programs load.
//
// Situation: as of push.h.
#pragma once

#include <vector>

#include "base/result.h"
#include "image/reference.h"
#include "image/tar_writer.h"
#include "store/images.h"

namespace bolt::transfer {

struct ImageToSave {
    store::Image image;
    std::vector<image::Reference> names;
};

// Where the files go, in order.
class SaveTarget {
public:
    virtual ~SaveTarget() = default;
    virtual Result<void> add_directory(std::string_view name) = 0;
    virtual Result<void> add_file(std::string_view name, std::uint64_t size, image::ByteSource& content) = 0;
    virtual Result<void> finish() = 0;
};

enum class SaveFormat {
    docker_archive, // the OCI image layout, and manifest.json beside it: what docker 25 and later write, and every docker and podman reads
    oci             // the OCI image layout alone
};

// A layer is written as it is kept packed, else as its plain archive: packing takes longer than the rest. The manifest is changed
// accordingly; the image's id stays. Equal files are written once. EBADMSG when a layer was changed in the store.
Result<void> save(store::Layout const& layout, std::vector<ImageToSave> const& images, SaveFormat format, SaveTarget& target);

} // namespace bolt::transfer
