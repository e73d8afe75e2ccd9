#include "image/signature.h"

#include <algorithm>

#include "base/base64.h"
#include "base/json.h"

namespace bolt::image {

namespace {

constexpr std::string_view claim_type = "cosign container image signature", older_claim_type = "atomic container signature";
constexpr std::string_view statement_type = "https://in-toto.io/Statement/v1", older_statement_type = "https://in-toto.io/Statement/v0.1", sign_predicate = "https://sigstore.dev/cosign/sign/v1", payload_type = "application/vnd.in-toto+json";

Result<Json const*> member(Json const& of, std::string_view name) {
    auto const* const found = of.find(name);
    if (!found) return Error::of(EINVAL, "what is signed has no '{}'", name);
    return found;
}

Json object_of(std::vector<std::pair<std::string, std::string>> const& annotations) {
    Json object = Json::object();
    for (auto const& [key, value] : annotations) object.set(key, value);
    return object;
}

// Others write numbers and more there: what is no text is not ours to compare.
std::vector<std::pair<std::string, std::string>> texts_of(Json const* object) {
    std::vector<std::pair<std::string, std::string>> texts;
    for (auto const& [key, value] : object && object->find_object() ? *object->find_object() : Json::Object())
        if (auto const* const text = value.find_string()) texts.emplace_back(key, *text);
    return texts;
}

// DSSE's pre-authentication encoding: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
std::string encode_for_signature(std::string_view type, std::string_view payload) { return fmt::format("DSSEv1 {} {} {} {}", type.size(), type, payload.size(), payload); }

Result<SignatureClaim> parse_statement(std::string_view payload) {
    auto const document = TRY(Json::parse(payload));
    auto const type = TRY(document.string_or("_type", ""));
    if (type != statement_type && type != older_statement_type) return Error::of(EINVAL, "what is signed is no in-toto statement");
    if (auto const predicate = TRY(document.string_or("predicateType", "")); predicate != sign_predicate) return Error::of(EINVAL, "what is signed is no image but '{}'", predicate);
    auto const* const subjects = TRY(member(document, "subject"))->find_array();
    if (!subjects || subjects->size() != 1) return Error::of(EINVAL, "what is signed is not about one image");
    auto const& subject = subjects->front();
    auto const hex = TRY(TRY(member(subject, "digest"))->string_or("sha256", ""));
    auto const* const predicate = document.find("predicate");
    auto digest = TRY(Digest::parse("sha256:" + hex));
    auto name = TRY(subject.string_or("name", ""));
    return SignatureClaim{std::move(digest), std::move(name), texts_of(predicate ? predicate : subject.find("annotations"))};
}

std::string statement_of(SignatureClaim const& claim) {
    auto subject = Json::object().set_unless_empty("name", claim.identity).set("digest", Json::object().set("sha256", claim.manifest.hex()));
    return Json::object().set("_type", statement_type).set("subject", Json::array().push(std::move(subject))).set("predicateType", sign_predicate).set("predicate", object_of(claim.annotations)).dump();
}

} // namespace

std::string simple_signing_payload(SignatureClaim const& claim) {
    auto critical = Json::object()
                        .set("identity", Json::object().set("docker-reference", claim.identity))
                        .set("image", Json::object().set("docker-manifest-digest", claim.manifest.text()))
                        .set("type", claim_type);
    return Json::object().set("critical", std::move(critical)).set("optional", object_of(claim.annotations)).dump();
}

Result<SignatureClaim> parse_simple_signing(std::string_view payload) {
    auto const document = TRY(Json::parse(payload));
    auto const* const critical = TRY(member(document, "critical"));
    auto const type = TRY(critical->string_or("type", ""));
    if (type != claim_type && type != older_claim_type) return Error::of(EINVAL, "what is signed is no image but '{}'", type);
    auto const* const identity = TRY(member(*critical, "identity"));
    auto const* const image = TRY(member(*critical, "image"));
    for (auto const& [key, value] : critical->find_object() ? *critical->find_object() : Json::Object())
        if (key != "type" && key != "identity" && key != "image") return Error::of(EINVAL, "what is signed says '{}', which is critical and not known", key);
    auto digest = TRY(Digest::parse(TRY(image->string_or("docker-manifest-digest", ""))));
    auto name = TRY(identity->string_or("docker-reference", ""));
    return SignatureClaim{std::move(digest), std::move(name), texts_of(document.find("optional"))};
}

Result<std::string> make_bundle(SignatureClaim const& claim, PrivateKey const& key) {
    auto const payload = statement_of(claim);
    auto const signature = TRY(key.sign(encode_for_signature(payload_type, payload)));
    auto const fingerprint = TRY(key.public_key()).fingerprint();
    // No keyid: cosign would look for a key of that name.
    auto envelope = Json::object()
                        .set("payload", encode_base64(payload))
                        .set("payloadType", payload_type)
                        .set("signatures", Json::array().push(Json::object().set("sig", encode_base64(signature))));
    return Json::object()
        .set("mediaType", bundle_type)
        .set("verificationMaterial", Json::object().set("publicKey", Json::object().set("hint", fingerprint)))
        .set("dsseEnvelope", std::move(envelope))
        .dump();
}

Result<std::optional<SignatureClaim>> verify_bundle(std::string_view bundle, std::span<PublicKey const> keys) {
    auto const document = TRY(Json::parse(bundle));
    auto const* const envelope = document.find("dsseEnvelope");
    auto const* const signatures = envelope ? envelope->find("signatures") : nullptr;
    if (!signatures || !signatures->find_array()) return Error::of(EINVAL, "the bundle has no DSSE envelope with signatures");
    auto const payload = decode_base64(TRY(envelope->string_or("payload", "")));
    if (!payload) return Error::of(EINVAL, "the bundle's payload is not base64");
    auto const type = TRY(envelope->string_or("payloadType", ""));
    auto const message = encode_for_signature(type, *payload);
    for (auto const& each : *signatures->find_array()) {
        auto const text = each.string_or("sig", ""); // one that is none says nothing about the others
        auto const signature = text ? decode_base64(text.value()) : std::nullopt;
        bool const is_signed = signature && std::ranges::any_of(keys, [&](PublicKey const& key) { return key.verifies(*signature, message); });
        if (!is_signed) continue;
        if (type != payload_type) return Error::of(EINVAL, "what is signed is no in-toto statement but '{}'", type);
        return std::optional(TRY(parse_statement(*payload)));
    }
    return std::optional<SignatureClaim>();
}

} // namespace bolt::image
