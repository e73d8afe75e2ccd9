// bolt image sign, image trust, image verify.
#include "cli/commands.h"
#include "cli/signing_options.h"
#include "cli/transfer_program.h"

namespace bolt::cli {

Result<std::vector<transfer::SignatureForm>> parse_signature_forms(std::string_view value) {
    using enum transfer::SignatureForm;
    if (value == "both") return std::vector{tag, bundle};
    if (value == "tag") return std::vector{tag};
    if (value == "bundle") return std::vector{bundle};
    return Error::of(EINVAL, "'{}' is no form of signatures; there are both, bundle and tag", value);
}

Result<std::string> parse_trust_type(std::string_view value) {
    if (value == "signedBy") return Error::of(ENOTSUP, "GPG signatures (signedBy) are not supported; sigstoreSigned is");
    if (value != "accept" && value != "reject" && value != "sigstoreSigned") return Error::of(EINVAL, "'{}' is no type of trust; there are accept, reject and sigstoreSigned", value);
    return std::string(value);
}

constexpr Command image_sign_command{.name = "image sign", .arguments = "NAME[:TAG|@DIGEST]", .summary = "Sign an image that is in a registry", .options = image_sign_options, .least = 1, .most = 1,
                                     .names = Names::images, .perform = perform_by_transfer<SigningWords>};
constexpr Command image_verify_command{.name = "image verify", .arguments = "NAME[:TAG|@DIGEST]", .summary = "Tell whether an image in a registry is signed", .options = image_verify_options, .least = 1, .most = 1,
                                       .names = Names::images, .perform = perform_by_transfer<SigningWords>};
constexpr Command image_trust_command{.name = "image trust", .arguments = "show [NAME] | set NAME", .summary = "Show or change the policy, which says what images are taken", .options = image_trust_options, .least = 1,
                                      .most = 2, .perform = perform_by_transfer<TrustWords>};

} // namespace bolt::cli
