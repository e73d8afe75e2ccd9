// What is signed about an image, in the two forms that others verify: cosign's simple signing payload (containers-signature(5), with
// cosign's type), and the sigstore bundle v0.3, a DSSE envelope around an in-toto statement. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "image/digest.h"
#include "image/signing_key.h"

namespace bolt::image {

// "this manifest is HOST/REPOSITORY:TAG"
struct SignatureClaim {
    Digest manifest;
    std::string identity; // "" when it does not say under which name
    std::vector<std::pair<std::string, std::string>> annotations;
};

inline constexpr std::string_view simple_signing_type = "application/vnd.dev.cosign.simplesigning.v1+json", simple_signing_annotation = "dev.cosignproject.cosign/signature";
inline constexpr std::string_view bundle_type = "application/vnd.dev.sigstore.bundle.v0.3+json";

std::string simple_signing_payload(SignatureClaim const& claim);
// Only after its signature was verified. EINVAL for what claims nothing of the kind.
Result<SignatureClaim> parse_simple_signing(std::string_view payload);

Result<std::string> make_bundle(SignatureClaim const& claim, PrivateKey const& key);
// What one of the keys has signed; none when none has. EINVAL for what is no bundle, and for one that was signed but claims
// something else.
Result<std::optional<SignatureClaim>> verify_bundle(std::string_view bundle, std::span<PublicKey const> keys);

} // namespace bolt::image
