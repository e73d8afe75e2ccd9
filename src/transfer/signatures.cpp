#include "transfer/signatures.h"

#include <algorithm>

#include "base/base64.h"
#include "image/artifact.h"
#include "image/hasher.h"
#include "sys/file.h"
#include "transfer/artifact.h"
#include "transfer/blob_upload.h"

namespace bolt::transfer {

namespace {

constexpr std::uint64_t largest_signature = 1u << 20;
constexpr std::size_t most_signatures = 1000;

// "sha256-0123….sig"
std::string tag_of_signatures(image::Digest const& manifest) { return fmt::format("{}-{}.sig", manifest.text().substr(0, manifest.text().find(':')), manifest.hex()); }

Result<spec::Descriptor> push_text(Registry& registry, std::string_view text, std::string type) {
    auto const digest = image::Hasher::of(text);
    if (!TRY(has_blob(registry, digest))) {
        auto const file = TRY(make_memory_file("signature"));
        TRY(write_all(file, text));
        TRY(upload_blob(registry, {digest, text.size(), file, {}}));
    }
    return spec::Descriptor{std::move(type), digest.text(), text.size(), {}, {}, {}, {}};
}

Result<std::string> fetch_text(Registry& registry, spec::Descriptor const& layer) {
    if (layer.size > largest_signature) return Error::of(EFBIG, "a signature has {} bytes, which is too much", layer.size);
    return registry.blob(TRY(image::Digest::parse(layer.digest)), layer.size);
}

// ---- under a tag

// The layers of the manifest there: each is a signature. None when nobody has signed.
Result<std::vector<spec::Descriptor>> tagged_signatures(Registry& registry, image::Digest const& manifest) {
    auto const document = registry.manifest(tag_of_signatures(manifest));
    if (!document && document.error().is(ENOENT)) return std::vector<spec::Descriptor>();
    if (!document) return document.error();
    auto const parsed = TRY(spec::parse_manifest_or_index(document.value().bytes, document.value().content_type).while_doing("the manifest of signatures"));
    auto const* const signatures = std::get_if<spec::ImageManifest>(&parsed);
    if (!signatures) return Error::of(EINVAL, "'{}' is an index, not a manifest of signatures", tag_of_signatures(manifest));
    if (signatures->layers.size() > most_signatures) return Error::of(EFBIG, "there are more than {} signatures", most_signatures);
    return signatures->layers;
}

// What one of the keys has signed; none when none has.
Result<std::optional<image::SignatureClaim>> verify_tagged(Registry& registry, spec::Descriptor const& layer, std::span<image::PublicKey const> keys) {
    auto const signature = decode_base64(layer.annotation(image::simple_signing_annotation));
    if (layer.media_type != image::simple_signing_type || !signature || signature->empty()) return std::optional<image::SignatureClaim>();
    auto const payload = TRY(fetch_text(registry, layer));
    if (std::ranges::none_of(keys, [&](image::PublicKey const& key) { return key.verifies(*signature, payload); })) return std::optional<image::SignatureClaim>();
    return std::optional(TRY(image::parse_simple_signing(payload)));
}

// A manifest as cosign writes it: an image's, whose layers are the payloads.
Result<void> put_tagged(Registry& registry, image::Digest const& manifest, std::vector<spec::Descriptor> const& layers) {
    Json listed = Json::array(), ids = Json::array();
    for (auto const& layer : layers) {
        listed.push(image::descriptor_json(layer));
        ids.push(layer.digest);
    }
    auto const config = Json::object().set("architecture", "").set("config", Json::object()).set("os", "").set("rootfs", Json::object().set("type", "layers").set("diff_ids", std::move(ids))).dump();
    auto const config_layer = TRY(push_text(registry, config, std::string(spec::media_type::oci_config)));
    auto const document = Json::object().set("schemaVersion", 2).set("mediaType", spec::media_type::oci_manifest).set("config", image::descriptor_json(config_layer)).set("layers", std::move(listed)).dump();
    TRY(registry.put_manifest(tag_of_signatures(manifest), std::string(spec::media_type::oci_manifest), document));
    return {};
}

bool says_same(image::SignatureClaim const& one, image::SignatureClaim const& other) {
    return one.manifest == other.manifest && one.identity == other.identity && one.annotations == other.annotations;
}

// Somebody else may write the manifest at the same time, without ours: a registry has no other way than to look, and to try again.
Result<void> add_tagged(Registry& registry, image::Digest const& manifest, spec::Descriptor const& layer) {
    auto const is_there = [&](spec::Descriptor const& other) { return other.digest == layer.digest && other.annotations == layer.annotations; };
    for (int tries = 1; tries <= most_tries; ++tries) {
        auto layers = TRY(tagged_signatures(registry, manifest));
        layers.push_back(layer);
        TRY(put_tagged(registry, manifest, layers));
        if (std::ranges::any_of(TRY(tagged_signatures(registry, manifest)), is_there)) return {};
        TRY(registry.wait(pause_before_retry(nullptr, tries)));
    }
    return Error::of(EAGAIN, "others change the signatures of {} at the same time; try again", manifest);
}

Result<void> sign_under_tag(Registry& registry, image::SignatureClaim const& claim, image::PrivateKey const& key) {
    auto const payload = image::simple_signing_payload(claim);
    auto layer = TRY(push_text(registry, payload, std::string(image::simple_signing_type)));
    auto const signature = TRY(key.sign(payload));
    layer.annotations = {{std::string(image::simple_signing_annotation), encode_base64(signature)}};
    return add_tagged(registry, claim.manifest, layer);
}

// ---- among the referrers

Result<void> sign_by_bundle(Registry& registry, image::SignatureClaim const& claim, image::PrivateKey const& key) {
    auto const file = TRY(push_text(registry, TRY(image::make_bundle(claim, key)), std::string(image::bundle_type)));
    image::Artifact artifact{std::string(image::bundle_type), {file}, {}, {}};
    artifact.subject = TRY(find_subject(registry, claim.manifest.text()));
    artifact.annotations = {{"dev.sigstore.bundle.content", "dsse-envelope"}, {"dev.sigstore.bundle.predicateType", "https://sigstore.dev/cosign/sign/v1"}};
    TRY(push_artifact(registry, artifact, std::nullopt));
    return {};
}

Result<std::optional<image::SignatureClaim>> verify_referrer(Registry& registry, spec::Descriptor const& referrer, std::span<image::PublicKey const> keys) {
    auto const document = TRY(registry.manifest(referrer.digest));
    auto const parsed = TRY(spec::parse_manifest_or_index(document.bytes, document.content_type));
    auto const* const manifest = std::get_if<spec::ImageManifest>(&parsed);
    if (!manifest || manifest->layers.size() != 1 || manifest->layers.front().media_type != image::bundle_type) return std::optional<image::SignatureClaim>();
    return image::verify_bundle(TRY(fetch_text(registry, manifest->layers.front())), keys);
}

// What cannot be read counts as a signature by others: whoever may write to the registry must not hide those that are good with it.
bool is_damage(Error const& error) { return error.is(EINVAL) || error.is(ELOOP) || error.is(EFBIG) || error.is(ENOENT) || error.is(EBADMSG) || error.is(EPROTONOSUPPORT); }

Result<void> count(Result<std::optional<image::SignatureClaim>> checked, SignatureForm form, image::Digest const& manifest, FoundSignatures& found) {
    if (!checked && !is_damage(checked.error())) return checked.error();
    bool const is_good = checked && checked.value() && checked.value()->manifest == manifest;
    if (is_good)
        found.verified.push_back({std::move(*checked.value()), form});
    else
        ++found.others;
    return {};
}

Result<void> find_tagged(Registry& registry, image::Digest const& manifest, std::span<image::PublicKey const> keys, FoundSignatures& found) {
    for (auto const& layer : TRY(tagged_signatures(registry, manifest))) TRY(count(verify_tagged(registry, layer, keys), SignatureForm::tag, manifest, found));
    return {};
}

Result<void> find_bundles(Registry& registry, image::Digest const& manifest, std::span<image::PublicKey const> keys, FoundSignatures& found) {
    auto const referrers = TRY(list_referrers(registry, manifest.text(), image::bundle_type));
    if (referrers.size() > most_signatures) return Error::of(EFBIG, "there are more than {} signatures", most_signatures);
    for (auto const& referrer : referrers) TRY(count(verify_referrer(registry, referrer, keys), SignatureForm::bundle, manifest, found));
    return {};
}

} // namespace

Result<void> sign(Registry& registry, image::SignatureClaim const& claim, image::PrivateKey const& key, std::span<SignatureForm const> forms) {
    std::vector<image::PublicKey> own;
    own.push_back(TRY(key.public_key()));
    auto const there = TRY(find_signatures(registry, claim.manifest, own));
    for (auto const form : forms) {
        bool const is_there = std::ranges::any_of(there.verified, [&](VerifiedSignature const& signature) { return signature.form == form && says_same(signature.claim, claim); });
        if (is_there) continue;
        TRY(form == SignatureForm::tag ? sign_under_tag(registry, claim, key) : sign_by_bundle(registry, claim, key));
    }
    return {};
}

Result<FoundSignatures> find_signatures(Registry& registry, image::Digest const& manifest, std::span<image::PublicKey const> keys) {
    FoundSignatures found;
    auto const tagged = find_tagged(registry, manifest, keys, found);
    if (!tagged && tagged.error().is(ECANCELED)) return tagged.error();
    auto const bundled = find_bundles(registry, manifest, keys, found);
    // One good signature is enough, wherever it is.
    if (!found.verified.empty()) return found;
    TRY(Result<void>(tagged));
    TRY(Result<void>(bundled));
    return found;
}

} // namespace bolt::transfer
