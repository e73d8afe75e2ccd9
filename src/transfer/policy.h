// Which images are taken in: containers-policy.json(5), as podman, skopeo and buildah read it.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "image/reference.h"
#include "image/signature.h"
#include "sys/path.h"
#include "transfer/registry.h"

namespace bolt::transfer {

// Under which name an image must have been signed ("signedIdentity").
struct SignedIdentity {
    enum class Match { exact, repository_digest_or_exact, repository, given_reference, given_repository, remapped };
    Match match = Match::repository_digest_or_exact;
    std::string given;                 // the name or repository that is asked for
    std::string prefix, signed_prefix; // of a repository that is a copy of another

    // Whether an image of this name may have been signed as `claimed`, "HOST/REPOSITORY[:TAG|@DIGEST]".
    bool accepts(image::Reference const& name, std::string_view claimed) const;
};

struct PolicyRequirement {
    enum class Kind { accept, reject, sigstore_signed, gpg_signed } kind = Kind::reject;
    std::vector<std::string> key_files, key_texts; // one key in PEM each
    SignedIdentity identity;
};

class Policy {
public:
    // A file that the user has chosen, else ~/.config/containers/policy.json, else /etc/containers/policy.json. Where there is none
    // everything is taken.
    static Result<Policy> load(std::optional<HostPath> const& chosen);
    // EINVAL names what cannot be understood: nothing is passed over that might have asked for more.
    static Result<Policy> parse(std::string_view text, std::string file);

    // An image of a registry: the registry that it came from is asked for signatures of any of the digests that stand for it, its
    // manifest's and its index's. EACCES says why it is not taken.
    Result<void> admit(Registry& registry, image::Reference const& name, std::span<image::Digest const> digests) const;
    // What can be refused before any registry is asked. EACCES as above.
    Result<void> consider(image::Reference const& name) const;
    // One that lies in a file or directory ("oci", "oci-archive", "docker-archive"): `path` is "" where there is none.
    Result<void> admit_file(std::string_view transport, std::string_view path) const;

    // What is asked of a name, and where that stands: "docker: HOST/REPOSITORY".
    struct Found {
        std::vector<PolicyRequirement> const* requirements;
        std::string scope;
    };
    Found find(image::Reference const& name) const;

private:
    using Scopes = std::map<std::string, std::vector<PolicyRequirement>, std::less<>>;
    Result<void> read(Json const& document);
    Found find(std::string_view transport, std::vector<std::string> const& scopes) const;

    std::string file_;
    std::vector<PolicyRequirement> default_;
    std::map<std::string, Scopes, std::less<>> transports_;
};

// The file that a user's own policy is kept in, and the one that counts now.
Result<HostPath> policy_file_to_write();
std::optional<HostPath> find_policy_file();

} // namespace bolt::transfer
