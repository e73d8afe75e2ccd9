// What `bolt image sign`, `image verify` and `image trust` take: read by bolt, which tells wrong usage, and by bolt-transfer, which
// does it.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "cli/artifact_options.h"
#include "cli/command.h"
#include "sys/path.h"
#include "transfer/signatures.h"

namespace bolt::cli {

// "both", "bundle", "tag"
Result<std::vector<transfer::SignatureForm>> parse_signature_forms(std::string_view value);

struct SigningWords : RegistryWords {
    std::optional<HostPath> key, passphrase_file, policy_file;
    std::vector<std::pair<std::string, std::string>> annotations;
    std::vector<transfer::SignatureForm> forms{transfer::SignatureForm::tag, transfer::SignatureForm::bundle};
    bool recursive = false, quiet = false;
};

using set_signing = Set<SigningWords>;
inline constexpr Option signing_authfile = {"authfile", 0, "file", "Read the registry's login from this file", set_signing::parsed<&SigningWords::credentials_file, HostPath::absolute>, offers_files};
inline constexpr Option signing_creds = {"creds", 0, "user:password", "Log in so, for this once", set_signing::parsed<&SigningWords::credentials, parse_credentials>};
inline constexpr Option signing_quiet = {"quiet", 'q', "", "Print only the name with the digest", set_signing::flag<&SigningWords::quiet>};
inline constexpr Option signing_tls = {"tls-verify", 0, "", "Require HTTPS and verify the registry's certificate (default true)", set_signing::flag<&SigningWords::verifies_tls>};

inline constexpr Option image_sign_options[] = {
    {"annotation", 'a', "key=value", "Sign this as well", set_signing::parsed_list<&SigningWords::annotations, parse_annotation>},
    signing_authfile, signing_creds,
    {"form", 0, "string", "Where the signature goes: tag (sha256-….sig), bundle (a referrer), or both (default)", set_signing::parsed<&SigningWords::forms, parse_signature_forms>, "both bundle tag"},
    {"key", 0, "file", "The private key: PEM, as openssl and cosign write it", set_signing::parsed<&SigningWords::key, HostPath::absolute>, offers_files},
    {"passphrase-file", 0, "file", "The key's passphrase; without this it is $COSIGN_PASSWORD, or asked for", set_signing::parsed<&SigningWords::passphrase_file, HostPath::absolute>, offers_files},
    signing_quiet,
    {"recursive", 'r', "", "Of an index, sign every image as well", set_signing::flag<&SigningWords::recursive>},
    signing_tls,
};
inline constexpr Option image_verify_options[] = {
    {"annotation", 'a', "key=value", "Only count signatures that say so", set_signing::parsed_list<&SigningWords::annotations, parse_annotation>},
    signing_authfile, signing_creds,
    {"key", 0, "file", "The public key, in PEM; without it, the policy's keys count", set_signing::parsed<&SigningWords::key, HostPath::absolute>, offers_files},
    signing_quiet,
    {"signature-policy", 0, "file", "The policy, instead of policy.json", set_signing::parsed<&SigningWords::policy_file, HostPath::absolute>, offers_files},
    signing_tls,
};

struct TrustWords {
    std::string type, format;
    std::vector<std::string> keys;
    std::optional<HostPath> policy_file;
    bool raw = false;
};
Result<std::string> parse_trust_type(std::string_view value);
using set_trust = Set<TrustWords>;
inline constexpr Option image_trust_options[] = {
    {"format", 0, "string", "show: 'table', 'table TEMPLATE', 'json', or a Go template such as '{{.Name}}'", set_trust::text<&TrustWords::format>, "table json"},
    {"policypath", 0, "file", "The policy, instead of policy.json", set_trust::parsed<&TrustWords::policy_file, HostPath::absolute>, offers_files},
    {"pubkeysfile", 'f', "file", "set: a public key in PEM, one of which must have signed", set_trust::list<&TrustWords::keys>, offers_files},
    {"raw", 0, "", "show: the file as it is", set_trust::flag<&TrustWords::raw>},
    {"type", 't', "string", "set: accept, reject or sigstoreSigned (default)", set_trust::parsed<&TrustWords::type, parse_trust_type>, "accept reject sigstoreSigned"},
};

} // namespace bolt::cli
