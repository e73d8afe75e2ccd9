// What else a registry, its users' files and signatures say: challenges, logins, registries.conf, policies, signatures, keys.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/toml.h"
#include "image/signature.h"
#include "image/signing_key.h"
#include "transfer/challenge.h"
#include "transfer/credentials.h"
#include "transfer/policy.h"
#include "transfer/registries.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
    using namespace bolt;
    std::string_view const text(reinterpret_cast<char const*>(bytes), size);
    for (auto const& challenge : transfer::parse_challenges(text))
        if (challenge.scheme.empty()) abort();
    if (auto const document = transfer::CredentialDocument::parse(text, HostPath())) {
        (void)document.value().find("registry.example.com", "a/b").ok();
        (void)document.value().helper_of("registry.example.com").size();
    }
    if (auto const document = parse_toml(text, "fuzzed")) {
        transfer::Registries registries;
        if (registries.add(document.value(), "fuzzed"))
            if (auto const name = image::Reference::parse("registry.example.com/a/b:1", {})) (void)registries.places_of(name.value(), transfer::Registries::Use::pull).ok();
    }
    // Nobody has signed this with no key.
    if (auto const verified = image::verify_bundle(text, {}); verified && verified.value()) abort();
    (void)image::parse_simple_signing(text).ok();
    auto const name = image::Reference::parse("registry.example.com/a/b:1", {});
    // A name that is admitted as itself is its repository and its tag.
    if (transfer::SignedIdentity().accepts(name.value(), text) && text.find("a/b:1") == text.npos) abort();
    if (auto const policy = transfer::Policy::parse(text, "fuzzed")) {
        if (policy.value().find(name.value()).requirements->empty()) abort();
        (void)policy.value().admit_file("oci", "/a/b").ok();
    }
    (void)image::PublicKey::parse(text).ok();
    (void)image::PrivateKey::parse(text, []() -> Result<std::string> { return Error::of(ECANCELED, "nobody is asked"); }).ok();
    return 0;
}
