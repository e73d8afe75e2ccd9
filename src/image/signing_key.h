// Keys that images are signed with, as openssl and cosign write them: PEM (RFC 7468) around a SubjectPublicKeyInfo or PKCS #8, and
// cosign's own private keys, encrypted by scrypt and NaCl's secretbox.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;

namespace bolt::image {

struct FreeKey {
    void operator()(evp_pkey_st* key) const;
};
using OwnedKey = std::unique_ptr<evp_pkey_st, FreeKey>;

// ECDSA over SHA-256, Ed25519, or RSA's PKCS #1 1.5 over SHA-256, as the key is.
class PublicKey {
public:
    // EINVAL for what is no public key, or one of another kind.
    static Result<PublicKey> parse(std::string_view pem);

    // A signature in DER for ECDSA. Of Ed25519 both forms count: the plain one, and Ed25519ph (RFC 8032, 5.1), cosign's.
    bool verifies(std::string_view signature, std::string_view message) const;
    // The SHA-256 of the SubjectPublicKeyInfo, in base64: sigstore's hint of which key it was.
    std::string fingerprint() const;

private:
    friend class PrivateKey;
    explicit PublicKey(OwnedKey key) : key_(std::move(key)) {}
    OwnedKey key_;
};

// ECDSA on P-256, or Ed25519: what every verifier has.
class PrivateKey {
public:
    using AskPassphrase = std::function<Result<std::string>()>;
    // Asks only when the key is encrypted. EINVAL for what is no such key, EACCES for a wrong passphrase.
    static Result<PrivateKey> parse(std::string_view pem, AskPassphrase const& ask);

    Result<std::string> sign(std::string_view message) const;
    Result<PublicKey> public_key() const;

private:
    explicit PrivateKey(OwnedKey key) : key_(std::move(key)) {}
    OwnedKey key_;
};

} // namespace bolt::image
