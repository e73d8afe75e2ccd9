// bolt-transfer image sign, image verify.
#include <algorithm>

#include "cli/list_format.h"
#include "cli/output.h"
#include "cli/private_key_file.h"
#include "cli/push_words.h"
#include "cli/registry_access.h"
#include "cli/signing_options.h"
#include "cli/transfer_command.h"
#include "image/platform.h"
#include "sys/file.h"
#include "transfer/policy.h"
#include "transfer/push.h"
#include "transfer/signatures.h"

namespace bolt::cli {

namespace {

using transfer::SignatureForm;

std::string name_with_digest(image::Reference const& name, image::Digest const& digest) { return fmt::format("{}/{}@{}", name.domain(), name.repository(), digest); }

Result<void> refuse_repeated(std::vector<std::pair<std::string, std::string>> const& annotations) {
    for (auto const& [key, value] : annotations)
        if (std::ranges::count(annotations, key, &std::pair<std::string, std::string>::first) > 1) return Error::of(EINVAL, "annotation '{}' is given twice", key);
    return {};
}

// What is to be signed: the manifest or index, and with --recursive the images of an index.
Result<std::vector<image::Digest>> digests_to_sign(transfer::Registry::Document const& document, bool recursive) {
    std::vector<image::Digest> digests{document.digest};
    auto const parsed = TRY(spec::parse_manifest_or_index(document.bytes, document.content_type));
    auto const* const index = std::get_if<spec::ImageIndex>(&parsed);
    for (auto const& each : index && recursive ? index->manifests : std::vector<spec::Descriptor>()) digests.push_back(TRY(image::Digest::parse(each.digest)));
    return digests;
}

Result<void> sign_image(SigningWords const& words, Words const& names) {
    if (!words.key) return Error::of(EINVAL, "name the private key with --key; `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE` makes one");
    TRY(refuse_repeated(words.annotations));
    auto const name = TRY(parse_destination(names[0]));
    auto const options = TRY(registry_options(words));
    auto const key = TRY(read_private_key(*words.key, words.passphrase_file));
    auto registry = TRY(transfer::open_target(name, options));
    auto const document = TRY(registry.manifest(tag_or_digest(name)));
    auto const signed_as = name.domain() + "/" + name.repository() + (name.tag().empty() ? "" : ":" + name.tag());
    auto const lock = TRY(hold_lists());
    for (auto const& digest : TRY(digests_to_sign(document, words.recursive)))
        TRY(transfer::sign(registry, {digest, signed_as, words.annotations}, key, words.forms));
    auto const signed_name = name_with_digest(name, document.digest);
    return print(words.quiet ? signed_name + "\n" : fmt::format("Signed {}\n{}\n", signed_as, signed_name));
}

// ---- verify

bool says_all(image::SignatureClaim const& claim, std::vector<std::pair<std::string, std::string>> const& annotations) {
    return std::ranges::all_of(annotations, [&](auto const& annotation) { return std::ranges::find(claim.annotations, annotation) != claim.annotations.end(); });
}

std::string describe(transfer::VerifiedSignature const& signature) {
    auto text = fmt::format("{} as {}", signature.form == SignatureForm::tag ? "tag" : "bundle", signature.claim.identity.empty() ? "no name" : signature.claim.identity);
    if (!signature.claim.annotations.empty()) text += ", " + joined_labels(signature.claim.annotations);
    return on_one_line(text);
}

Result<std::string> verify_by_key(SigningWords const& words, image::Reference const& name, transfer::Registry& registry) {
    std::vector<image::PublicKey> keys;
    keys.push_back(TRY(image::PublicKey::parse(TRY(read_file(*words.key))).while_doing("key '{}'", *words.key)));
    auto const document = TRY(registry.manifest(tag_or_digest(name)));
    auto const found = TRY(transfer::find_signatures(registry, document.digest, keys));
    std::string text;
    for (auto const& signature : found.verified)
        if (says_all(signature.claim, words.annotations)) text += "Verified: " + describe(signature) + "\n";
    if (text.empty() && !found.verified.empty()) return Error::of(EACCES, "it is signed by this key, but no signature says {}", joined_labels(words.annotations));
    if (text.empty() && found.others > 0) return Error::of(EACCES, "none of its {} signatures is by this key", found.others);
    if (text.empty()) return Error::of(EACCES, "it is not signed");
    return (words.quiet ? std::string() : text) + name_with_digest(name, document.digest) + "\n";
}

// As a pull has it: the index, or what it names for this machine, must be signed.
Result<std::vector<image::Digest>> digests_of(transfer::Registry::Document const& document) {
    std::vector<image::Digest> digests{document.digest};
    auto const parsed = TRY(spec::parse_manifest_or_index(document.bytes, document.content_type));
    auto const* const index = std::get_if<spec::ImageIndex>(&parsed);
    auto const chosen = index ? image::choose(*index, image::platform_of_host()) : Result<spec::Descriptor>(Error(ENOENT, ""));
    if (chosen) digests.push_back(TRY(image::Digest::parse(chosen.value().digest)));
    return digests;
}

Result<std::string> verify_by_policy(SigningWords const& words, image::Reference const& name, transfer::Registry& registry) {
    auto const policy = TRY(transfer::Policy::load(words.policy_file));
    auto const [requirements, scope] = policy.find(name);
    bool const asks = std::ranges::any_of(*requirements, [](auto const& requirement) { return requirement.kind != transfer::PolicyRequirement::Kind::accept; });
    if (!asks) return Error::of(EINVAL, "the policy asks for no signature of it ({}); name a public key with --key", scope);
    auto const document = TRY(registry.manifest(tag_or_digest(name)));
    TRY(policy.admit(registry, name, TRY(digests_of(document))));
    return (words.quiet ? std::string() : fmt::format("Verified: as the policy asks ({})\n", scope)) + name_with_digest(name, document.digest) + "\n";
}

Result<void> verify_image(SigningWords const& words, Words const& names) {
    if (words.key && words.policy_file) return Error::of(EINVAL, "--key and --signature-policy cannot be used together");
    if (!words.key && !words.annotations.empty()) return Error::of(EINVAL, "--annotation needs --key: a policy does not look at annotations");
    auto const name = TRY(parse_destination(names[0]));
    if (name.is_shipped()) return Error::of(EINVAL, "'{}' was installed with bolt and is in no registry", name.text());
    auto const options = TRY(registry_options(words));
    // It is judged under the name that it is asked for by, as a pull does.
    Error last(ENOENT, fmt::format("'{}' has no registry", name.text()));
    for (auto const& meaning : TRY(meanings_of(name))) {
        auto const verify = [&](transfer::Registry& registry) { return words.key ? verify_by_key(words, meaning, registry) : verify_by_policy(words, meaning, registry); };
        auto const verified = ask_places<std::string>(meaning, options, verify);
        if (verified) return print(verified.value());
        last = verified.error();
        if (!last.is(ENOENT) && !last.is(ECONNREFUSED) && !last.is(EHOSTUNREACH)) break;
    }
    return last;
}

} // namespace

constexpr Command transfer_image_sign_command{"image sign", "NAME[:TAG|@DIGEST]", "Sign an image that is in a registry", image_sign_options, 1, 1, OptionsEnd::nowhere, Names::nothing, perform_transfer<SigningWords, sign_image>};
constexpr Command transfer_image_verify_command{"image verify", "NAME[:TAG|@DIGEST]", "Tell whether an image in a registry is signed", image_verify_options, 1, 1, OptionsEnd::nowhere, Names::nothing, perform_transfer<SigningWords, verify_image>};

} // namespace bolt::cli
