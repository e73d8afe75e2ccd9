#include "transfer/artifact.h"

#include <set>

#include <fcntl.h>
#include <unistd.h>

#include "image/file_source.h"
#include "image/hasher.h"
#include "sys/file.h"
#include "sys/random.h"
#include "sys/root.h"
#include "transfer/blob_download.h"
#include "transfer/blob_upload.h"

namespace bolt::transfer {

namespace {

constexpr int most_pages = 1000;

// ---- push

Result<spec::Descriptor> push_file(Registry& registry, ArtifactFile const& file) {
    auto opened = TRY(open_file(file.path, O_RDONLY | O_NONBLOCK)); // a pipe that nobody writes to
    if (!S_ISREG(TRY(stat_fd(opened)).st_mode)) return Error::of(EINVAL, "'{}' is no regular file; an artifact holds files (`tar` packs a directory)", file.path);
    image::FileSource source(TRY(duplicate(opened)));
    image::HashingSource hashed(source, image::Digest::Algorithm::sha256);
    auto const digest = TRY(hashed.finish());
    if (!TRY(has_blob(registry, digest))) TRY(upload_blob(registry, {digest, hashed.count(), opened, {}}).while_doing("'{}'", file.path));
    return spec::Descriptor{file.media_type, digest.text(), hashed.count(), {}, {{std::string(image::title_annotation), file.title}}, {}, {}};
}

Result<void> push_empty(Registry& registry) {
    auto const digest = TRY(image::Digest::parse(image::empty_digest));
    if (TRY(has_blob(registry, digest))) return {};
    auto const file = TRY(make_memory_file("nothing"));
    TRY(write_all(file, image::empty_contents));
    return upload_blob(registry, {digest, image::empty_contents.size(), file, {}});
}

std::string media_type_of(Registry::Document const& document) {
    auto const parsed = Json::parse(document.bytes);
    auto const said = parsed ? parsed.value().string_or("mediaType", "") : Result<std::string>("");
    return said && !said.value().empty() ? said.value() : document.content_type;
}

// "sha256-0123…": where the referrers are listed of a registry that does not list them (distribution specification, "Referrers Tag Schema").
std::string tag_of_referrers(image::Digest const& subject) {
    auto tag = subject.text();
    tag[tag.find(':')] = '-';
    return tag;
}

Result<std::string> listed_by_tag(Registry& registry, image::Digest const& subject) {
    auto const list = registry.manifest(tag_of_referrers(subject));
    if (list) return list.value().bytes;
    return list.error().is(ENOENT) ? Result<std::string>("") : list.error();
}

// Somebody else may write the list at the same time, without ours: a registry has no other way than to look, and to try again.
Result<void> add_to_list(Registry& registry, image::Digest const& subject, spec::Descriptor const& entry) {
    for (int tries = 1; tries <= most_tries; ++tries) {
        auto const list = TRY(listed_by_tag(registry, subject));
        TRY(registry.put_manifest(tag_of_referrers(subject), std::string(spec::media_type::oci_index), image::with_referrer(list, entry)));
        if (TRY(listed_by_tag(registry, subject)).find(entry.digest) != std::string::npos) return {};
        TRY(registry.wait(pause_before_retry(nullptr, tries)));
    }
    return Error::of(EAGAIN, "others change the list of what is about {} at the same time; try again", subject);
}

// ---- pull

// Below a directory, under names of their own until all are there.
class Files {
public:
    explicit Files(Root root) : root_(std::move(root)) {}
    Files(Files&&) = delete;
    ~Files() {
        for (auto const& file : files_) unlinkat(file.directory.number(), file.staged.c_str(), 0); // gone when it was renamed
    }

    Result<FdRef> add(std::string const& name) {
        auto path = TRY(RootPath::parse(name).while_doing("the artifact's file '{}'", name));
        if (path.is_top()) return Error::of(EINVAL, "the artifact's file '{}' has no name", name);
        if (!paths_.insert(path.text()).second) return Error::of(EEXIST, "two of the artifact's files are called '{}'", path.text());
        auto directory = TRY(parent_of(path));
        auto staged = "." + TRY(random_name());
        auto opened = TRY(open_at(directory, staged, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0666));
        files_.push_back({std::move(directory), std::move(opened), std::move(staged), std::string(path.name())});
        return FdRef(files_.back().opened);
    }
    Result<void> put_in_place() {
        struct stat there;
        for (auto const& file : files_)
            if (fstatat(file.directory.number(), file.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(there.st_mode)) return Error::of(EISDIR, "'{}' is a directory; the artifact's file cannot replace it", file.name);
        for (auto const& file : files_)
            if (renameat(file.directory.number(), file.staged.c_str(), file.directory.number(), file.name.c_str()) < 0) return Error::from_errno("write '{}'", file.name);
        return {};
    }

private:
    Result<UniqueFd> parent_of(RootPath const& path) {
        auto const parent = path.parent();
        auto const held = parent.is_top() ? TRY(duplicate(root_.top())) : TRY(root_.make_directories(parent, 0777));
        return open_again(held, O_RDONLY | O_DIRECTORY);
    }
    struct File {
        UniqueFd directory, opened;
        std::string staged, name;
    };
    Root root_;
    std::set<std::string> paths_;
    std::vector<File> files_;
};

} // namespace

Result<image::Digest> push_artifact(Registry& registry, ArtifactToPush const& artifact, std::optional<std::string> const& tag) {
    image::Artifact made{artifact.type, {}, {}, artifact.annotations};
    if (artifact.subject) made.subject = TRY(find_subject(registry, *artifact.subject));
    for (auto const& file : artifact.files) made.files.push_back(TRY(push_file(registry, file)));
    return push_artifact(registry, made, tag);
}

Result<spec::Descriptor> find_subject(Registry& registry, std::string const& tag_or_digest) {
    auto const document = TRY(registry.manifest(tag_or_digest));
    return spec::Descriptor{media_type_of(document), document.digest.text(), document.bytes.size(), {}, {}, {}, {}};
}

Result<image::Digest> push_artifact(Registry& registry, image::Artifact const& artifact, std::optional<std::string> const& tag) {
    TRY(push_empty(registry));
    auto const manifest = artifact.manifest();
    auto const digest = image::Hasher::of(manifest);
    std::string const type(spec::media_type::oci_manifest);
    auto const answer = TRY(registry.put_manifest(tag.value_or(digest.text()), type, manifest));
    if (!artifact.subject || !answer.header("oci-subject").empty()) return digest;
    TRY(add_to_list(registry, TRY(image::Digest::parse(artifact.subject->digest)), {type, digest.text(), manifest.size(), {}, artifact.annotations, {}, artifact.type}));
    return digest;
}

Result<std::vector<spec::Descriptor>> list_referrers(Registry& registry, std::string const& tag_or_digest, std::string_view type) {
    auto const subject = TRY(registry.manifest(tag_or_digest)).digest;
    std::vector<spec::Descriptor> found;
    auto const add = [&](std::string_view index) -> Result<void> {
        auto const parsed = TRY(spec::parse_manifest_or_index(index, spec::media_type::oci_index));
        auto const* const list = std::get_if<spec::ImageIndex>(&parsed);
        for (auto const& entry : list ? list->manifests : std::vector<spec::Descriptor>())
            if (type.empty() || entry.artifact_type == type) found.push_back(entry);
        return {};
    };
    auto page = TRY(registry.referrers(subject, ""));
    if (!page) {
        auto const list = TRY(listed_by_tag(registry, subject));
        if (!list.empty()) TRY(add(list));
        return found;
    }
    for (int pages = 1; page; ++pages) {
        TRY(add(page->index));
        if (page->next.empty()) break;
        if (pages == most_pages) return Error::of(EPROTO, "registry '{}' has no end of what is about {}", registry.host(), subject);
        page = TRY(registry.referrers(subject, page->next));
    }
    return found;
}

Result<std::vector<std::string>> pull_artifact(Registry& registry, std::string const& tag_or_digest, HostPath const& directory) {
    auto const document = TRY(registry.manifest(tag_or_digest));
    auto const parsed = TRY(spec::parse_manifest_or_index(document.bytes, document.content_type));
    auto const* const manifest = std::get_if<spec::ImageManifest>(&parsed);
    if (!manifest) return Error::of(EINVAL, "it is an index, not an artifact; name one of its manifests by digest");
    bool const is_image = manifest->artifact_type.empty() && (manifest->config.media_type == spec::media_type::oci_config || manifest->config.media_type == spec::media_type::docker_config);
    if (is_image) return Error::of(EINVAL, "it is an image; `bolt pull` pulls it");
    TRY(make_directories(directory, 0777));
    Files files(TRY(Root::open(directory)));
    std::vector<std::string> names;
    for (auto const& layer : manifest->layers) {
        if (layer.media_type == image::empty_type) continue;
        auto const digest = TRY(image::Digest::parse(layer.digest));
        auto const title = layer.annotation(image::title_annotation);
        names.push_back(title.empty() ? tag_of_referrers(digest) : std::string(title));
        TRY(download_blob(registry, digest, layer.size, TRY(files.add(names.back()))));
    }
    TRY(files.put_in_place());
    return names;
}

} // namespace bolt::transfer
