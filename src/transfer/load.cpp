#include "transfer/load.h"

#include <algorithm>
#include <map>

#include "image/hasher.h"
#include "image/platform.h"
#include "image/range_source.h"
#include "store/sweep.h"
#include "transfer/commit.h"
#include "transfer/oci_layout.h"
#include "transfer/policy.h"
#include "transfer/resolve.h"

namespace bolt::transfer {

namespace {

class Loading {
public:
    Loading(store::Layout const& layout, std::shared_ptr<ImageFiles const> files, PullOptions const& options, Progress& progress)
        : layout_(layout), files_(std::move(files)), options_(options), progress_(progress), wanted_(options.platform.value_or(image::platform_of_host())) {}

    Result<std::vector<Loaded>> run(std::string_view path) {
        auto const policy = TRY(Policy::load(options_.policy_file));
        if (TRY(files_->find("index.json"))) {
            TRY(policy.admit_file(files_->is_archive() ? "oci-archive" : "oci", path));
            TRY(load_layout());
        } else if (auto const manifest = TRY(files_->find_text("manifest.json"))) {
            TRY(policy.admit_file("docker-archive", ""));
            TRY(load_docker_archive(*manifest));
        } else
            return Error::of(EINVAL, "there is neither index.json nor manifest.json: this is no archive of images; `docker export` and `podman export` write others");
        if (loaded_.empty()) return Error::of(ENOENT, "there is no image for {} in it", wanted_.text());
        return std::move(loaded_);
    }

private:
    // Whoever it is pushed to compares.
    static Result<void> check_size(image::Digest const& blob, std::uint64_t size, std::uint64_t promised) {
        return size == promised ? Result<void>() : Error::of(EBADMSG, "blob {} has {} bytes, and what names it says {}; the image is damaged: tell whoever made it", blob, size, promised);
    }

    Result<void> take(ResolvedImage const& image, BlobSource const& blobs, std::vector<image::Reference> names) {
        for (auto const& layer : image.layers)
            if (auto const part = blobs.open_blob(layer.blob)) TRY(check_size(layer.blob, part.value().size, layer.size)); // one that is missing may be in the store
        LayerPulls pulls(layout_, image, nullptr, &blobs, options_, progress_);
        auto const layers = TRY(pulls.run());
        TRY(commit(layout_, image, layers, names, {image.config, image.manifest, image.repository, "", ""}, options_, progress_));
        loaded_.push_back({image.config, std::move(names)});
        return {};
    }

    // ---- image-layout.md

    // One image may stand there under several names.
    static std::vector<image::Reference> names_of(spec::ImageIndex const& index, std::string const& digest) {
        std::vector<image::Reference> names;
        for (auto const& descriptor : index.manifests) {
            if (descriptor.digest != digest) continue;
            // docker and containerd give the whole name in an annotation of their own; others, against the specification, in the usual one.
            auto text = descriptor.annotation("io.containerd.image.name");
            if (text.empty()) text = descriptor.annotation("org.opencontainers.image.ref.name");
            bool const is_tag_alone = text.find_first_of(":/") == text.npos;
            auto name = is_tag_alone ? Result<image::Reference>(Error(EINVAL, "")) : image::Reference::parse(text);
            if (name && !name.value().digest() && std::ranges::find(names, name.value()) == names.end()) names.push_back(std::move(name).value());
        }
        return names;
    }

    Result<void> load_layout() {
        auto const layout = TRY(OciLayout::open(files_));
        LayoutDocuments documents(layout, "");
        std::vector<std::string> seen;
        for (auto const& descriptor : layout.index().manifests) {
            if (std::ranges::find(seen, descriptor.digest) != seen.end()) continue;
            seen.push_back(descriptor.digest);
            auto names = names_of(layout.index(), descriptor.digest);
            auto const what = names.empty() ? descriptor.digest : names.front().text();
            auto const digest = TRY(image::Digest::parse(descriptor.digest).while_doing("index.json"));
            if (auto const part = layout.open_blob(digest)) TRY(check_size(digest, part.value().size, descriptor.size));
            auto const resolved = resolve(documents, digest.text(), what, wanted_);
            // For another platform, which need not be whole then, or what was signed about an image.
            bool const is_elsewhere = descriptor.platform && !image::distance(wanted_, *descriptor.platform);
            bool const is_other = !resolved && (resolved.error().is(ENOENT) || !descriptor.artifact_type.empty() || is_elsewhere);
            if (is_other && layout.index().manifests.size() > 1) continue;
            if (!resolved) return resolved.error();
            TRY(take(resolved.value(), layout, std::move(names)));
        }
        return {};
    }

    // ---- docker save

    class DockerBlobs : public BlobSource {
    public:
        DockerBlobs(ImageFiles const& files) : files_(files) {}
        void add(image::Digest const& digest, std::string path) { paths_.emplace(digest.text(), std::move(path)); }
        Result<FilePart> open_blob(image::Digest const& digest) const override {
            auto part = TRY(files_.find(paths_.at(digest.text())));
            if (!part) return Error::of(ENOENT, "'{}' is not in the archive; it is not whole", paths_.at(digest.text()));
            return std::move(*part);
        }

    private:
        ImageFiles const& files_;
        std::map<std::string, std::string> paths_;
    };

    Result<void> load_docker_archive(std::string const& text) {
        auto const document = TRY(Json::parse(text).while_doing("manifest.json"));
        auto const* const images = document.find_array();
        if (document.find("layers")) return Error::of(ENOTSUP, "it is a directory of the kind 'dir:' (docker-dir), whose image has no name; `skopeo copy dir:DIRECTORY oci:OTHER:NAME` makes one that can be loaded");
        if (!images) return Error::of(EINVAL, "manifest.json is {}, not a list", document.kind());
        for (auto const& entry : *images) TRY(load_docker_image(entry).while_doing("manifest.json"));
        return {};
    }

    // Whether the layer's file is the archive itself: then its digest is the diffID, which is verified anyway.
    static Result<bool> is_packed(FilePart const& part) {
        image::RangeSource source(part.file, part.offset, std::min<std::uint64_t>(part.size, 512), 512);
        auto const head = TRY(source.next());
        return head.size() < 512 || std::string_view(head.data() + 257, 5) != "ustar";
    }

    static Result<image::Digest> digest_of(FilePart const& part) {
        image::RangeSource source(part.file, part.offset, part.size);
        image::HashingSource hashed(source, image::Digest::Algorithm::sha256);
        return hashed.finish();
    }

    Result<void> load_docker_image(Json const& entry) {
        auto const config_path = TRY(entry.string_or("Config", ""));
        auto const paths = TRY(entry.strings("Layers"));
        auto config_bytes = TRY(files_->find_text(config_path));
        if (!config_bytes) return Error::of(ENOENT, "the configuration '{}' is not in the archive", config_path);
        auto config = image::Hasher::of(*config_bytes);
        auto document = TRY(spec::parse_image_document(*config_bytes).while_doing("'{}'", config_path));
        if (paths.size() != document.diff_ids.size()) return Error::of(EINVAL, "'{}' has {} layers and the archive {}", config_path, document.diff_ids.size(), paths.size());

        DockerBlobs blobs(*files_);
        spec::ImageManifest manifest;
        auto layers = Json::array();
        for (std::size_t i = 0; i < paths.size(); ++i) {
            auto const part = TRY(files_->find(paths[i]));
            if (!part) return Error::of(ENOENT, "layer '{}' is not in the archive", paths[i]);
            bool const packed = TRY(is_packed(*part));
            auto const blob = packed ? TRY(digest_of(*part)) : TRY(image::Digest::parse(document.diff_ids[i]));
            blobs.add(blob, paths[i]);
            auto const type = packed ? "application/vnd.docker.image.rootfs.diff.tar.gzip" : "application/vnd.docker.image.rootfs.diff.tar";
            manifest.layers.push_back({.media_type = type, .digest = blob.text(), .size = part->size, .urls = {}, .annotations = {}, .platform = {}, .artifact_type = {}});
            layers.push(Json::object().set("mediaType", type).set("size", part->size).set("digest", blob.text()));
        }
        // The archive has none: one that says the same.
        auto manifest_bytes = Json::object()
                                  .set("schemaVersion", 2)
                                  .set("mediaType", spec::media_type::docker_manifest)
                                  .set("config", Json::object().set("mediaType", spec::media_type::docker_config).set("size", std::uint64_t{config_bytes->size()}).set("digest", config.text()))
                                  .set("layers", std::move(layers))
                                  .dump();
        auto digest = image::Hasher::of(manifest_bytes);
        auto resolved_layers = TRY(match_layers(manifest, document));
        std::vector<image::Reference> names;
        for (auto const& name : TRY(entry.strings("RepoTags"))) names.push_back(TRY(image::Reference::parse(name)));
        return take(ResolvedImage{digest, digest, std::move(config), std::move(manifest_bytes), std::move(*config_bytes), std::move(document), std::move(resolved_layers)}, blobs, std::move(names));
    }

    store::Layout const& layout_;
    std::shared_ptr<ImageFiles const> files_;
    PullOptions const& options_;
    Progress& progress_;
    spec::ImagePlatform wanted_;
    std::vector<Loaded> loaded_;
};

} // namespace

Result<std::vector<Loaded>> load(store::Layout const& layout, std::shared_ptr<ImageFiles const> files, std::string_view path, PullOptions const& options, Progress& progress) {
    for (auto const& error : store::sweep(layout, store::Layers::stay)) progress.warn(fmt::format("clean up the store: {}, ignoring", error.text()));
    return store::explain_full(Loading(layout, std::move(files), options, progress).run(path), layout);
}

} // namespace bolt::transfer
