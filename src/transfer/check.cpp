#include "transfer/check.h"

#include <map>

#include <fcntl.h>

#include "base/text.h"
#include "image/difference.h"
#include "image/file_source.h"
#include "image/hasher.h"
#include "store/layer_archives.h"
#include "sys/file.h"
#include "transfer/commit.h"
#include "transfer/image_documents.h"
#include "transfer/layer_archive.h"

namespace bolt::transfer {

namespace {

std::string name_of(store::Image const& image) { return image.references.empty() ? image.id.brief() : image.references.front(); }

// The packed forms of layers that are sound, open: they outlive the directory that they were in.
class KeptBlobs : public BlobSource {
public:
    void add(image::Digest const& digest, UniqueFd file, std::uint64_t size) { blobs_.insert_or_assign(digest.text(), Blob{std::move(file), size}); }
    Result<FilePart> open_blob(image::Digest const& digest) const override {
        auto const found = blobs_.find(digest.text());
        if (found == blobs_.end()) return Error::of(ENOENT, "layer {} is not kept packed", digest.brief());
        auto file = TRY(duplicate(found->second.file));
        return FilePart{std::move(file), 0, found->second.size};
    }
    bool has(image::Digest const& digest) const { return blobs_.contains(digest.text()); }

private:
    struct Blob {
        UniqueFd file;
        std::uint64_t size;
    };
    std::map<std::string, Blob> blobs_;
};

class Interruptible : public image::ByteSource {
public:
    Interruptible(image::ByteSource& from, std::function<Result<void>()> go_on) : from_(from), go_on_(std::move(go_on)) {}
    Result<std::span<char const>> next() override {
        TRY(go_on_());
        return from_.next();
    }

private:
    image::ByteSource& from_;
    std::function<Result<void>()> go_on_;
};

class Check {
public:
    Check(store::Layout const& layout, Repair repair, image::UnmappedIds owners, PullOptions const& options, Progress& progress)
        : layout_(layout), repair_(repair), options_(options), progress_(progress), owners_(owners) {}

    Result<Checked> run() {
        auto const list = TRY(store::list_images(layout_));
        for (auto const& warning : list.warnings) tell(warning + "; pull the image again");
        for (auto const& image : list.images) TRY(check_image(image));
        return std::move(checked_);
    }

private:
    void tell(std::string text, bool is_mended = false) { checked_.damages.push_back({std::move(text), is_mended}); }

    Result<void> go_on() const { return options_.cancelled && options_.cancelled() ? Error::of(ECANCELED, "interrupted") : Result<void>(); }

    Result<void> check_image(store::Image const& image) {
        ++checked_.images;
        auto const documents = read_documents(layout_, image, nullptr);
        if (!documents) {
            tell(fmt::format("image '{}': {}", name_of(image), documents.error().text()));
            return {};
        }
        std::string damage;
        for (auto const& layer : documents.value().layers)
            if (auto found = TRY(damage_of(layer)); damage.empty()) damage = std::move(found);
        if (damage.empty()) return {};
        auto const mended = repair_ == Repair::yes ? mend(image, documents.value()) : Result<void>(Error::of(EBADMSG, "`bolt store check --repair` may mend it, or remove the image and pull it again"));
        if (!mended && mended.error().is(ECANCELED)) return mended.error();
        tell(mended ? fmt::format("image '{}': files of a layer were damaged ({}); they are unpacked anew", name_of(image), damage)
                    : fmt::format("image '{}': files of a layer are damaged ({}): {}", name_of(image), damage, mended.error().text()),
             mended.ok());
        if (mended)
            for (auto const& layer : documents.value().layers) damages_.erase(layer.stored.key);
        return {};
    }

    // "" for a sound layer. Of one that several images have, once.
    Result<std::string> damage_of(LayerToPush const& layer) {
        auto const& key = layer.stored.key;
        if (auto const known = damages_.find(key); known != damages_.end()) return known->second;
        ++checked_.layers;
        auto damage = TRY(damage_of_files(layer.stored));
        damages_.emplace(key, damage);
        TRY(check_packed(layer.stored, damage.empty()));
        return damage;
    }

    Result<std::string> damage_of_files(StoredLayer const& layer) {
        auto const held = TRY(store::find_layer(layout_, layer.key));
        if (!held) return "a layer is missing";
        auto const archive = open_layer_archive(layout_, layer);
        if (!archive) return archive.error().text();
        bool const from_files = TRY(store::find_layer_split(layout_, layer.key)).has_value();
        Interruptible source(*archive.value(), [this] { return go_on(); });
        Root const files(TRY(Root::open(layout_.layer(layer.key) / "fs")));
        auto const difference = image::find_difference(source, files, from_files ? image::ArchiveContents::from_files : image::ArchiveContents::of_its_own, owners_);
        if (!difference && difference.error().is(ECANCELED)) return difference.error();
        if (!difference && difference.error().is(EACCES)) { // it belongs to ids that this user had, and has no more
            progress_.warn(fmt::format("layer {} is not compared: {}", layer.diff_id.brief(), difference.error().text()));
            return "";
        }
        return difference ? difference.value().value_or("") : difference.error().text();
    }

    Result<void> check_packed(StoredLayer const& layer, bool has_files) {
        auto const digests = store::list_layer_blobs(layout_, layer.key);
        if (!digests) return {}; // the layer is not there, which is told
        for (auto const& digest : digests.value()) {
            ++checked_.packed;
            auto const file = layout_.layer(layer.key) / store::blob_name(digest);
            auto opened = TRY(open_file(file, O_RDONLY));
            auto const size = static_cast<std::uint64_t>(TRY(stat_fd(opened)).st_size);
            auto kept = TRY(duplicate(opened));
            image::FileSource content(std::move(opened));
            image::HashingSource hashed(content, digest.algorithm());
            if (TRY(hashed.finish()) == digest) {
                kept_.add(digest, std::move(kept), size);
                continue;
            }
            bool const may_go = repair_ == Repair::yes && has_files && TRY(store::find_layer_split(layout_, layer.key)).has_value();
            if (may_go) TRY(remove_file(file));
            tell(fmt::format("packed layer {} is damaged{}", digest.brief(), may_go ? "; it is removed, and made again when it is needed" : ""), may_go);
        }
        return {};
    }

    // Files that a running container has mounted must stay, damaged or not.
    Result<void> require_unused(std::string const& key) const {
        for (auto const& id : TRY(list_directory(layout_.containers()))) {
            auto const record = TRY(find_file(layout_.containers() / id / "config.json"));
            if (!record || record->find("/" + key + "/") == record->npos) continue;
            auto const lock = FileLock::find(layout_.containers() / id / "lock", LockMode::shared);
            if (lock && !lock.value()) return Error::of(EBUSY, "container {} runs with it; stop it first", id.substr(0, 12));
        }
        return {};
    }

    Result<void> take_out(std::string const& key) const {
        TRY(require_unused(key));
        auto const lock = FileLock::find(layout_.layer_lock(key), LockMode::exclusive);
        if (!lock && lock.error().is(ENOENT)) return {};
        if (!lock) return lock.error();
        if (!lock.value()) return Error::of(EBUSY, "somebody uses it, or the image is mounted (`bolt image mount` lists those); try again then");
        return store::remove_by_rename(layout_, layout_.layer(key));
    }

    Result<void> mend(store::Image const& image, ImageDocuments const& documents) {
        auto document = TRY(spec::parse_image_document(documents.config));
        auto const parsed = TRY(spec::parse_manifest_or_index(documents.manifest, spec::media_type::oci_manifest));
        auto layers = TRY(match_layers(std::get<spec::ImageManifest>(parsed), document));
        for (auto const& layer : documents.layers)
            if (!damages_.at(layer.stored.key).empty() && !kept_.has(layer.blob)) return Error::of(ENOENT, "layer {} is not kept packed; remove the image and pull it again", layer.blob.brief());
        for (auto const& layer : documents.layers)
            if (!damages_.at(layer.stored.key).empty()) TRY(take_out(layer.stored.key));
        auto const repository = image.repository_digest.value_or(image.manifest);
        ResolvedImage const resolved{repository, image.manifest, image.id, documents.manifest, documents.config, std::move(document), std::move(layers)};
        LayerPulls pulls(layout_, resolved, nullptr, &kept_, options_, progress_);
        auto const pulled = TRY(pulls.run());
        return commit(layout_, resolved, pulled, {}, {image.id, image.manifest, repository, "", ""}, options_, progress_);
    }

    store::Layout const& layout_;
    Repair repair_;
    PullOptions const& options_;
    Progress& progress_;
    image::UnmappedIds owners_;
    Checked checked_;
    std::map<std::string, std::string> damages_; // by the layer's key; "" for none
    KeptBlobs kept_;
};

} // namespace

Result<Checked> check_store(store::Layout const& layout, Repair repair, image::UnmappedIds owners, PullOptions const& options, Progress& progress) {
    return store::explain_full(Check(layout, repair, owners, options, progress).run(), layout);
}

} // namespace bolt::transfer
