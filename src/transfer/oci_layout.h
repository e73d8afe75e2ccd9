// The OCI image layout (image-layout.md), in a directory or an archive: how the shipped images lie beside the program, and how images
// are loaded.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/digest.h"
#include "spec/image_manifest.h"
#include "sys/path.h"
#include "transfer/image_files.h"

namespace bolt::transfer {

class OciLayout : public BlobSource {
public:
    // ENOENT when there is no layout, EINVAL when it is damaged.
    static Result<OciLayout> open(std::shared_ptr<ImageFiles const> files);

    spec::ImageIndex const& index() const { return index_; }
    // The manifest or index that index.json calls "NAME:TAG" (org.opencontainers.image.ref.name).
    std::optional<image::Digest> find(std::string_view name_and_tag) const;
    std::vector<std::string> names() const;
    // EBADMSG, here and below, when it is not there.
    Result<FilePart> open_blob(image::Digest const& digest) const override;
    // A small blob, verified.
    Result<std::string> read_blob(image::Digest const& digest) const;

private:
    explicit OciLayout(std::shared_ptr<ImageFiles const> files) : files_(std::move(files)) {}
    std::shared_ptr<ImageFiles const> files_;
    spec::ImageIndex index_;
};

// The shipped images beside the program: ../share/bolt/images, ../../share/bolt/images (from libexec), and in a build directory
// ../../images/layout.
std::optional<HostPath> find_shipped_images(HostPath const& program);

} // namespace bolt::transfer
