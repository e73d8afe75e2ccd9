// The images of the local store. Readers take no lock: every file is only ever replaced by rename, and what vanished
// meanwhile is as if it had never been there.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
#include "image/digest.h"
#include "image/reference.h"
#include "spec/image.h"
#include "store/layout.h"
#include "sys/lock.h"

namespace bolt::store {

struct ReferenceRecord;

struct Image {
    image::Digest id;                      // the configuration's digest
    image::Digest manifest;                // the manifest's, of this platform
    std::optional<image::Digest> repository_digest; // what the name stood for in the registry: an index's or the manifest's
    std::vector<std::string> references;   // "docker.io/library/nginx:1"; from find_image only the one that was found
    std::vector<HostPath> layers;          // overlay's lower directories, topmost first: …/layers/<key>/fs
    std::vector<std::string> layer_keys;   // in the same order
    spec::ImageConfig config;
    spec::ImagePlatform platform;
    Time created;                          // the epoch when the image does not say
    Bytes size;                            // of the unpacked layers
    std::string chosen_for;                // the platform for which the name was pulled; "" when nobody said, and in lists
};

// One reference file and one image file are read. A short name or bolt://NAME also finds a shipped image that was taken in
// before, and bolt://NAME one of the default registry. None when it is not in the local store.
Result<std::optional<Image>> find_image(Layout const& layout, image::Reference const& reference);
// By the id's hex digits or their beginning (at least one), with or without "sha256:"; EEXIST when several begin so.
Result<std::optional<Image>> find_image_by_id(Layout const& layout, std::string_view id_prefix);
// What a user may write: a name, or (when no name is found) an id or its beginning.
Result<std::optional<Image>> find_image_by_text(Layout const& layout, std::string_view text);
// The same, and for a name without a registry the image of the only registry that has one of this name here: a pull may have found it
// by registries.conf. EEXIST when several have. Not for whoever runs it.
Result<std::optional<Image>> find_known_image(Layout const& layout, std::string_view text);
// Newest first, with all references. Damaged files are left out and named in `warnings`.
struct ImageList {
    std::vector<Image> images;
    std::vector<std::string> warnings;
};
Result<ImageList> list_images(Layout const& layout);

// While this lives, the image's layers are not removed: for whoever is about to mount them, until a container's record
// (containers/<id>/config.json, field "image_id") says that they are used. ENOENT when one is gone already.
class LayerHold {
public:
    static Result<LayerHold> acquire(Layout const& layout, Image const& image);

private:
    std::vector<FileLock> locks_;
};

// Of the unpacked layers, lowest first; none for a layer that was removed meanwhile.
Result<std::vector<std::optional<Bytes>>> layer_sizes(Layout const& layout, Image const& image);

// The name stands for something else from now on.
Result<void> set_reference(Layout const& layout, image::Reference const& name, ReferenceRecord const& record);
// A further name for the image that `text` names; an image that had it loses it. ENOENT when there is no such image; EINVAL for a
// name that is no tag: with a digest, or bolt://NAME.
Result<void> tag_image(Layout const& layout, std::string_view text, image::Reference const& name);
// The image stays, with or without a name. No `names`: all that it has. ENOENT for one that is not its.
Result<std::vector<std::string>> untag_image(Layout const& layout, std::string_view text, std::vector<image::Reference> const& names);

struct RemovedImage {
    std::vector<std::string> untagged;     // "docker.io/library/nginx:1"
    std::vector<std::string> deleted;      // digests: of the image, when it went; docker prints them
    Bytes freed;                           // of the layers that went with it
};
enum class Removal {
    refuse_used, // EBUSY when a container was made from the image and this is its last reference, naming the container
    force,       // then only the references go; several references of one id go at once
    of_unused,   // the image and all its references, or EBUSY and nothing
    of_nameless, // the image, or EBUSY and nothing when it is used or has a name (again)
};
// An ordinary user must be inside the user namespace: layers hold files of mapped ids. `text` is a name or an id. ENOENT when there is no such image; EEXIST for an id with several references without force.
Result<RemovedImage> remove_image(Layout const& layout, std::string_view text, Removal removal);

} // namespace bolt::store
