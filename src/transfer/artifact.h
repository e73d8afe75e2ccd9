// Artifacts: files in a repository that are no image, alone or about one (its referrers): OCI image and distribution specifications 1.1.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "image/artifact.h"
#include "sys/path.h"
#include "transfer/registry.h"

namespace bolt::transfer {

struct ArtifactFile {
    HostPath path;
    std::string title, media_type;
};
struct ArtifactToPush {
    std::string type;
    std::vector<ArtifactFile> files;
    std::vector<std::pair<std::string, std::string>> annotations;
    std::optional<std::string> subject; // a tag or digest of the same repository
};

// The artifact's digest. Put under `tag`, or without one under its digest alone. An artifact about a subject is entered in the list
// of its referrers, by the registry or, where that does not know them, by us. ENOENT when there is no such subject.
Result<image::Digest> push_artifact(Registry& registry, ArtifactToPush const& artifact, std::optional<std::string> const& tag);

// What a tag or a digest stands for, as an artifact about it names it.
Result<spec::Descriptor> find_subject(Registry& registry, std::string const& tag_or_digest);
// The same for an artifact whose files the repository has already.
Result<image::Digest> push_artifact(Registry& registry, image::Artifact const& artifact, std::optional<std::string> const& tag);

// What is about the manifest that this tag or digest stands for.
Result<std::vector<spec::Descriptor>> list_referrers(Registry& registry, std::string const& tag_or_digest, std::string_view type);

// Writes its files below `directory`, all or none; those that are there are replaced. The names, as the artifact gives them. EINVAL for an
// image or an index, and for a name that leads elsewhere.
Result<std::vector<std::string>> pull_artifact(Registry& registry, std::string const& tag_or_digest, HostPath const& directory);

} // namespace bolt::transfer
