// The two kinds of file that say which images there are: refs/HOST/REPO/:TAG and images/HEX.json.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
#include "image/digest.h"
#include "image/reference.h"
#include "spec/image.h"
#include "store/layout.h"

namespace bolt::store {

// A reference file: what a name stands for.
struct ReferenceRecord {
    image::Digest image;      // the configuration's digest, which names the image file
    image::Digest manifest;   // of this platform
    image::Digest repository; // what the registry answered to the name: an index's digest or the manifest's
    // For shipped images: the index they were taken from and its time, so that a newer install is noticed.
    std::string source, source_stamp;
    std::string platform; // for which it was chosen, "OS/ARCHITECTURE[/VARIANT]"; "" when nobody said
};
Json to_json(ReferenceRecord const& record);
Result<ReferenceRecord> parse_reference_record(std::string_view text);

// Every name, as an image's references are written, and what it stands for. Damaged files are left out and named in `warnings`.
struct NamedReference {
    std::string text;
    ReferenceRecord record;
};
Result<std::vector<NamedReference>> list_references(Layout const& layout, std::vector<std::string>& warnings);

// refs/HOST/REPO, and the file in it: ":TAG", or "@sha256:…" for a reference that has no tag.
HostPath repository_directory(Layout const& layout, image::Reference const& reference);
HostPath reference_file(Layout const& layout, image::Reference const& reference);
// Whether a name below refs/ is such a file's, not a host's or a part of a repository's name.
inline bool is_reference_file(std::string_view name) { return name.starts_with(':') || name.starts_with('@'); }
// The modification time of a shipped index in the form of source_stamp; "" when it is not there.
std::string stamp_of(std::string_view path);

// An image file.
struct ImageRecord {
    struct Layer {
        std::string key;                 // names layers/KEY
        std::string diff_id;
    };
    image::Digest id, manifest;
    spec::ImagePlatform platform;
    std::optional<Time> created;
    Bytes size;                          // of the unpacked layers
    std::vector<Layer> layers;           // lowest first, as in the configuration
    spec::ImageConfig config;
};
Json to_json(ImageRecord const& record);
Result<ImageRecord> parse_image_record(std::string_view text);

} // namespace bolt::store
