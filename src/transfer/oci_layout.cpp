#include "transfer/oci_layout.h"

#include "image/hasher.h"
#include "sys/file.h"

namespace bolt::transfer {

namespace {

constexpr std::string_view name_annotation = "org.opencontainers.image.ref.name";

std::string blob_name(image::Digest const& digest) {
    return fmt::format("blobs/{}/{}", digest.algorithm() == image::Digest::Algorithm::sha256 ? "sha256" : "sha512", digest.hex());
}

} // namespace

Result<OciLayout> OciLayout::open(std::shared_ptr<ImageFiles const> files) {
    OciLayout layout(std::move(files));
    auto const text = TRY(layout.files_->find_text("index.json"));
    if (!text) return Error::of(ENOENT, "there is no index.json");
    auto parsed = TRY(spec::parse_manifest_or_index(*text, spec::media_type::oci_index).while_doing("read index.json"));
    auto* index = std::get_if<spec::ImageIndex>(&parsed);
    if (!index) return Error::of(EINVAL, "index.json is not an index");
    layout.index_ = std::move(*index);
    return layout;
}

std::optional<HostPath> find_shipped_images(HostPath const& program) {
    auto const directory = program.parent();
    for (auto const& candidate : {directory.parent() / "share/bolt/images", directory.parent().parent() / "share/bolt/images", directory.parent().parent() / "images/layout"})
        if (exists(candidate / "index.json")) return candidate;
    return std::nullopt;
}

std::optional<image::Digest> OciLayout::find(std::string_view name_and_tag) const {
    for (auto const& manifest : index_.manifests) {
        auto digest = image::Digest::parse(manifest.digest);
        if (manifest.annotation(name_annotation) == name_and_tag && digest) return std::move(digest).value();
    }
    return std::nullopt;
}

std::vector<std::string> OciLayout::names() const {
    std::vector<std::string> names;
    for (auto const& manifest : index_.manifests)
        if (auto const name = manifest.annotation(name_annotation); !name.empty()) names.emplace_back(name);
    return names;
}

Result<FilePart> OciLayout::open_blob(image::Digest const& digest) const {
    auto part = TRY(files_->find(blob_name(digest)));
    if (!part) return Error::of(EBADMSG, "blob {} is not there; the image is not whole", digest);
    return std::move(*part);
}

Result<std::string> OciLayout::read_blob(image::Digest const& digest) const {
    auto contents = TRY(files_->find_text(blob_name(digest)));
    if (!contents) return Error::of(EBADMSG, "blob {} is not there; the image is not whole", digest);
    auto const found = image::Hasher::of(*contents, digest.algorithm());
    if (found != digest) return Error::of(EBADMSG, "blob {} is damaged: its contents have digest {}", digest, found);
    return std::move(*contents);
}

} // namespace bolt::transfer
