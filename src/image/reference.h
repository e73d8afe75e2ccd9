// Names of images. The grammar is that of distribution's reference package, which docker and podman use:
//   [domain/]path[:tag][@digest]      domain: host[:port]; path: lowercase components
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/digest.h"

namespace bolt::image {

// Where names without a host come from. docker.io keeps its official images under library/; others have no such folder.
struct NameDefaults {
    std::string registry = "docker.io";
    // $BOLT_DEFAULT_REGISTRY (host[:port]), else docker.io.
    static NameDefaults of_environment();
};

// A complete name: parsed once at the edge, with registry and tag filled in.
class Reference {
public:
    // Also takes bolt://NAME[:TAG]: an image that was shipped with bolt. EINVAL says what is wrong with the text.
    static Result<Reference> parse(std::string_view text, NameDefaults const& defaults = NameDefaults::of_environment());
    // From the parts of a name that was canonical before.
    static Result<Reference> from_parts(std::string_view domain, std::string_view repository, std::string_view tag);

    // "docker.io", "localhost:5000"; "bolt" for bolt://NAME, which no other text gives.
    std::string const& domain() const { return domain_; }
    // "library/nginx"
    std::string const& repository() const { return repository_; }
    // Empty only when there is a digest and the text had no tag.
    std::string const& tag() const { return tag_; }
    std::optional<Digest> const& digest() const { return digest_; }

    bool is_shipped() const { return domain_ == "bolt"; }
    // The text named no host, so the default registry was filled in.
    bool was_short() const { return was_short_; }
    // For a short name or bolt://NAME of one component: the shipped image of that name; for other names none.
    std::optional<Reference> shipped_namesake() const;
    // For bolt://NAME: the name in the default registry.
    Result<Reference> registry_namesake(NameDefaults const& defaults = NameDefaults::of_environment()) const;

    // "docker.io/library/nginx:1", "bolt://shell:latest"; every part is there.
    std::string text() const;
    // As docker's columns show it: without docker.io and library/, "nginx", "bolt://shell".
    std::string familiar_name() const;
    bool operator==(Reference const&) const = default;

private:
    Reference() = default;
    std::string domain_, repository_, tag_;
    std::optional<Digest> digest_;
    bool was_short_ = false;
};

} // namespace bolt::image
