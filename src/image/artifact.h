// Manifests of artifacts: files that travel as an image does, about another manifest or alone. OCI image specification 1.1,
// manifest.md, "Guidelines for Artifact Usage". Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "spec/image_manifest.h"

namespace bolt::image {

inline constexpr std::string_view title_annotation = "org.opencontainers.image.title", created_annotation = "org.opencontainers.image.created";
// "{}", of which the manifest holds the contents itself.
inline constexpr std::string_view empty_type = "application/vnd.oci.empty.v1+json", empty_contents = "{}",
                                  empty_digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

struct Artifact {
    std::string type;                       // a media type: "application/spdx+json"
    std::vector<spec::Descriptor> files;    // with their names in the annotation "title"
    std::optional<spec::Descriptor> subject; // what it is about
    std::vector<std::pair<std::string, std::string>> annotations;

    std::string manifest() const;
};

// As manifests and indexes have it, without urls.
Json descriptor_json(spec::Descriptor const& descriptor);

// The descriptor of a manifest in an index of referrers (distribution specification 1.1, "Listing Referrers"): with the artifact's type
// and annotations.
std::string with_referrer(std::string_view index, spec::Descriptor const& manifest);

} // namespace bolt::image
