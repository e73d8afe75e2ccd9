#include "image/signing_key.h"

#include <array>
#include <optional>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "base/base64.h"
#include "base/json.h"

namespace bolt::image {

namespace {

struct FreeBio {
    void operator()(BIO* bio) const { BIO_free(bio); }
};
using OwnedBio = std::unique_ptr<BIO, FreeBio>;
struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using OwnedContext = std::unique_ptr<EVP_MD_CTX, FreeContext>;

unsigned char const* bytes_of(std::string_view text) { return reinterpret_cast<unsigned char const*>(text.data()); }
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

OwnedBio open_text(std::string_view text) { return OwnedBio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

bool is_ed25519(EVP_PKEY const* key) { return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519; }

std::string group_of(EVP_PKEY const* key) {
    std::array<char, 80> name{};
    std::size_t size = 0;
    return EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) == 1 ? std::string(name.data(), size) : std::string();
}

// Ed25519 hashes by itself.
EVP_MD const* hash_of(EVP_PKEY const* key) { return is_ed25519(key) ? nullptr : EVP_sha256(); }

// ---- cosign's private keys

struct EncryptedKey {
    std::string salt, nonce, contents;
    std::uint64_t cost = 0, block_size = 0, parallel = 0;
};

Result<std::string> decoded(Json const& document, std::string_view field) {
    auto const bytes = decode_base64(TRY(document.string_or(field, "")));
    if (!bytes) return Error::of(EINVAL, "'{}' is not base64", field);
    return *bytes;
}

Result<EncryptedKey> parse_encrypted(std::string_view text) {
    constexpr std::uint64_t most_memory = 256u << 20, most_work = 1u << 23; // cosign asks for 64 MiB and 2^19: seconds, not hours
    auto const document = TRY(Json::parse(text));
    auto const* const derivation = document.find("kdf");
    auto const* const cipher = document.find("cipher");
    auto const* const parameters = derivation ? derivation->find("params") : nullptr;
    if (!parameters || !cipher) return Error::of(EINVAL, "it has no kdf, or no cipher");
    if (TRY(derivation->string_or("name", "")) != "scrypt" || TRY(cipher->string_or("name", "")) != "nacl/secretbox") return Error::of(EINVAL, "it is encrypted in another way than by scrypt and nacl/secretbox");
    EncryptedKey key;
    key.salt = TRY(decoded(*derivation, "salt"));
    key.nonce = TRY(decoded(*cipher, "nonce"));
    key.contents = TRY(decoded(document, "ciphertext"));
    key.cost = TRY(parameters->unsigned_or("N", 0));
    key.block_size = TRY(parameters->unsigned_or("r", 0));
    key.parallel = TRY(parameters->unsigned_or("p", 0));
    bool const is_sane = key.cost > 1 && key.cost <= most_work && key.block_size > 0 && key.block_size <= 64 && key.parallel > 0 && key.parallel <= 64 && 128 * key.cost * key.block_size <= most_memory &&
                         key.cost * key.block_size * key.parallel <= most_work;
    if (!is_sane || key.nonce.size() != crypto_secretbox_NONCEBYTES || key.contents.size() <= crypto_secretbox_MACBYTES) return Error::of(EINVAL, "its parameters are out of bounds");
    return key;
}

Result<std::string> decrypt(EncryptedKey const& key, std::string const& passphrase) {
    if (sodium_init() < 0) return Error::of(EIO, "libsodium cannot be used");
    std::array<unsigned char, crypto_secretbox_KEYBYTES> secret{};
    int const derived = crypto_pwhash_scryptsalsa208sha256_ll(bytes_of(passphrase), passphrase.size(), bytes_of(key.salt), key.salt.size(), key.cost,
                                                              static_cast<std::uint32_t>(key.block_size), static_cast<std::uint32_t>(key.parallel), secret.data(), secret.size());
    if (derived != 0) return Error::of(EINVAL, "its parameters are out of bounds");
    std::string plain(key.contents.size() - crypto_secretbox_MACBYTES, '\0');
    int const opened = crypto_secretbox_open_easy(bytes_of(plain), bytes_of(key.contents), key.contents.size(), bytes_of(key.nonce), secret.data());
    sodium_memzero(secret.data(), secret.size());
    if (opened != 0) return Error::of(EACCES, "the passphrase is wrong");
    return plain;
}

struct FreePem {
    void operator()(void* memory) const { OPENSSL_free(memory); }
};

// The JSON in cosign's own PEM block; none for other kinds.
std::optional<std::string> find_cosign_block(std::string_view pem) {
    auto const bio = open_text(pem);
    char *name = nullptr, *header = nullptr;
    unsigned char* contents = nullptr;
    long size = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &contents, &size) != 1) return std::nullopt;
    std::unique_ptr<void, FreePem> const owned_name(name), owned_header(header), owned_contents(contents);
    std::string_view const kind(name);
    if (kind != "ENCRYPTED SIGSTORE PRIVATE KEY" && kind != "ENCRYPTED COSIGN PRIVATE KEY") return std::nullopt;
    return std::string(reinterpret_cast<char*>(contents), static_cast<std::size_t>(size));
}

Result<OwnedKey> read_cosign_key(std::string const& text, PrivateKey::AskPassphrase const& ask) {
    auto const encrypted = TRY(parse_encrypted(text));
    auto plain = TRY(decrypt(encrypted, TRY(ask())));
    auto const* at = bytes_of(std::string_view(plain));
    OwnedKey key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(plain.size())));
    sodium_memzero(plain.data(), plain.size());
    if (!key) return Error::of(EINVAL, "it holds no private key");
    return key;
}

// ---- openssl's

struct Asked {
    PrivateKey::AskPassphrase const* ask;
    std::optional<Error> refusal;
    bool was_asked = false;
};

int answer_openssl(char* buffer, int size, int, void* context) {
    auto& asked = *static_cast<Asked*>(context);
    asked.was_asked = true;
    auto const passphrase = (*asked.ask)();
    if (!passphrase) asked.refusal = passphrase.error();
    if (!passphrase || passphrase.value().size() > static_cast<std::size_t>(size)) return -1;
    passphrase.value().copy(buffer, passphrase.value().size());
    return static_cast<int>(passphrase.value().size());
}

Result<OwnedKey> read_openssl_key(std::string_view pem, PrivateKey::AskPassphrase const& ask) {
    Asked asked{&ask, {}, false};
    OwnedKey key(PEM_read_bio_PrivateKey(open_text(pem).get(), nullptr, answer_openssl, &asked));
    ERR_clear_error();
    if (asked.refusal) return *asked.refusal;
    if (!key && asked.was_asked) return Error::of(EACCES, "the passphrase is wrong");
    if (!key) return Error::of(EINVAL, "it is no private key in PEM, as `openssl genpkey` and `cosign generate-key-pair` write them");
    return key;
}

// ---- Ed25519ph

bool verifies_prehashed(EVP_PKEY const* key, std::string_view signature, std::string_view message) {
    std::array<unsigned char, crypto_sign_ed25519_PUBLICKEYBYTES> raw{};
    auto size = raw.size();
    if (sodium_init() < 0 || EVP_PKEY_get_raw_public_key(key, raw.data(), &size) != 1 || size != raw.size() || signature.size() != crypto_sign_ed25519_BYTES) return false;
    crypto_sign_ed25519ph_state state;
    std::string copy(signature);
    return crypto_sign_ed25519ph_init(&state) == 0 && crypto_sign_ed25519ph_update(&state, bytes_of(message), message.size()) == 0 &&
           crypto_sign_ed25519ph_final_verify(&state, bytes_of(copy), raw.data()) == 0;
}

Result<std::string> public_der(EVP_PKEY const* key) {
    unsigned char* der = nullptr;
    int const size = i2d_PUBKEY(key, &der);
    std::unique_ptr<void, FreePem> const owned(der);
    if (size <= 0) return Error::of(EINVAL, "the public key cannot be written");
    return std::string(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
}

} // namespace

void FreeKey::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

Result<PublicKey> PublicKey::parse(std::string_view pem) {
    auto const no_passphrase = [](char*, int, int, void*) { return -1; }; // OpenSSL would ask for one at the terminal
    OwnedKey key(PEM_read_bio_PUBKEY(open_text(pem).get(), nullptr, no_passphrase, nullptr));
    ERR_clear_error();
    if (!key) return Error::of(EINVAL, "it is no public key in PEM ('-----BEGIN PUBLIC KEY-----')");
    auto const kind = EVP_PKEY_get_base_id(key.get());
    if (kind != EVP_PKEY_EC && kind != EVP_PKEY_ED25519 && kind != EVP_PKEY_RSA) return Error::of(EINVAL, "it is no key of ECDSA, Ed25519 or RSA");
    return PublicKey(std::move(key));
}

bool PublicKey::verifies(std::string_view signature, std::string_view message) const {
    OwnedContext const context(EVP_MD_CTX_new());
    bool const is_ready = context && EVP_DigestVerifyInit(context.get(), nullptr, hash_of(key_.get()), nullptr, key_.get()) == 1;
    bool const verified = is_ready && EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) == 1;
    ERR_clear_error();
    return verified || (is_ed25519(key_.get()) && verifies_prehashed(key_.get(), signature, message));
}

std::string PublicKey::fingerprint() const {
    auto const der = public_der(key_.get());
    if (!der) return {};
    std::string digest(32, '\0');
    EVP_Digest(der.value().data(), der.value().size(), bytes_of(digest), nullptr, EVP_sha256(), nullptr);
    return encode_base64(digest);
}

Result<PrivateKey> PrivateKey::parse(std::string_view pem, AskPassphrase const& ask) {
    auto const block = find_cosign_block(pem);
    ERR_clear_error();
    auto key = block ? TRY(read_cosign_key(*block, ask)) : TRY(read_openssl_key(pem, ask));
    auto const kind = EVP_PKEY_get_base_id(key.get());
    bool const is_known = kind == EVP_PKEY_ED25519 || (kind == EVP_PKEY_EC && group_of(key.get()) == "prime256v1");
    if (!is_known) return Error::of(EINVAL, "it is neither a key of ECDSA on P-256 nor one of Ed25519; `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes one");
    return PrivateKey(std::move(key));
}

Result<std::string> PrivateKey::sign(std::string_view message) const {
    OwnedContext const context(EVP_MD_CTX_new());
    std::size_t size = 0;
    bool const is_ready = context && EVP_DigestSignInit(context.get(), nullptr, hash_of(key_.get()), nullptr, key_.get()) == 1 &&
                          EVP_DigestSign(context.get(), nullptr, &size, bytes_of(message), message.size()) == 1;
    std::string signature(size, '\0');
    if (!is_ready || EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(message), message.size()) != 1) return Error::of(EIO, "OpenSSL cannot sign with this key");
    signature.resize(size);
    return signature;
}

Result<PublicKey> PrivateKey::public_key() const {
    auto const der = TRY(public_der(key_.get()));
    auto const* at = bytes_of(std::string_view(der));
    OwnedKey key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
    if (!key) return Error::of(EIO, "OpenSSL cannot read its own public key");
    return PublicKey(std::move(key));
}

} // namespace bolt::image
