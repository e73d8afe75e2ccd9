#include "transfer/oci_layout.h"

#include "image/hasher.h"
#include "spec/image_manifest.h"
#include "sys/file.h"

namespace bolt::transfer {

Result<OciLayout> OciLayout::open(HostPath const& directory) {
    OciLayout layout(directory);
    auto const text = TRY(read_file(layout.index_file()));
    auto const parsed = TRY(spec::parse_manifest_or_index(text, spec::media_type::oci_index).while_doing("read '{}'", layout.index_file()));
    auto const* index = std::get_if<spec::ImageIndex>(&parsed);
    if (!index) return Error::of(EINVAL, "'{}' is not an index", layout.index_file());
    for (auto const& manifest : index->manifests) {
        auto const name = manifest.annotation("org.opencontainers.image.ref.name");
        auto digest = TRY(image::Digest::parse(manifest.digest).while_doing("read '{}'", layout.index_file()));
        if (!name.empty()) layout.images_.emplace_back(std::string(name), std::move(digest));
    }
    return layout;
}

std::optional<HostPath> find_shipped_images(HostPath const& program) {
    auto const directory = program.parent();
    for (auto const& candidate : {directory.parent() / "share/bolt/images", directory.parent().parent() / "share/bolt/images", directory.parent().parent() / "images/layout"})
        if (exists(candidate / "index.json")) return candidate;
    return std::nullopt;
}

std::optional<image::Digest> OciLayout::find(std::string_view name_and_tag) const {
    for (auto const& [name, digest] : images_)
        if (name == name_and_tag) return digest;
    return std::nullopt;
}

std::vector<std::string> OciLayout::names() const {
    std::vector<std::string> names;
    for (auto const& [name, digest] : images_) names.push_back(name);
    return names;
}

HostPath OciLayout::blob_file(image::Digest const& digest) const {
    auto const algorithm = digest.algorithm() == image::Digest::Algorithm::sha256 ? "sha256" : "sha512";
    return directory_ / "blobs" / algorithm / digest.hex();
}

Result<std::string> OciLayout::read_blob(image::Digest const& digest) const {
    auto contents = TRY(read_file(blob_file(digest)));
    auto const found = image::Hasher::of(contents, digest.algorithm());
    if (found != digest) return Error::of(EBADMSG, "'{}' has digest {}; install bolt again", blob_file(digest), found);
    return contents;
}

} // namespace bolt::transfer
