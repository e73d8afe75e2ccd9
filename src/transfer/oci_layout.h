// A directory in the OCI image layout (image-layout.md): how the shipped images lie beside the program.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/digest.h"
#include "sys/path.h"

namespace bolt::transfer {

class OciLayout {
public:
    // ENOENT when there is no layout, EINVAL when it is damaged.
    static Result<OciLayout> open(HostPath const& directory);

    // The manifest or index that index.json calls "NAME:TAG" (org.opencontainers.image.ref.name).
    std::optional<image::Digest> find(std::string_view name_and_tag) const;
    std::vector<std::string> names() const;
    HostPath index_file() const { return directory_ / "index.json"; }
    HostPath blob_file(image::Digest const& digest) const;
    // A small blob, verified.
    Result<std::string> read_blob(image::Digest const& digest) const;

private:
    explicit OciLayout(HostPath directory) : directory_(std::move(directory)) {}
    HostPath directory_;
    std::vector<std::pair<std::string, image::Digest>> images_;
};

// The shipped images beside the program: ../share/bolt/images, ../../share/bolt/images (from libexec), and in a build directory
// ../../images/layout.
std::optional<HostPath> find_shipped_images(HostPath const& program);

} // namespace bolt::transfer
