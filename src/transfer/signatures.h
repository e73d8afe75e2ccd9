// Signatures of images in a registry: beside the image under the tag "sha256-HEX.sig", as cosign 2, podman and skopeo have them, and as
// sigstore bundles among its referrers, as cosign 3 has them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/signature.h"
#include "transfer/registry.h"

namespace bolt::transfer {

enum class SignatureForm { tag, bundle };

// Adds one in each of the forms, unless this key has signed the same there before.
Result<void> sign(Registry& registry, image::SignatureClaim const& claim, image::PrivateKey const& key, std::span<SignatureForm const> forms);

struct VerifiedSignature {
    image::SignatureClaim claim;
    SignatureForm form;
};
struct FoundSignatures {
    std::vector<VerifiedSignature> verified; // about this manifest, by one of the keys
    int others = 0;                          // which are not
};
// EFBIG for one that is too large, and when there are more than a thousand.
Result<FoundSignatures> find_signatures(Registry& registry, image::Digest const& manifest, std::span<image::PublicKey const> keys);

} // namespace bolt::transfer
