#include "image/hasher.h"

#include <new>

#include <openssl/evp.h>

#include "base/ids.h"

namespace bolt::image {

void Hasher::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Hasher::Hasher(Digest::Algorithm algorithm) : context_(EVP_MD_CTX_new()), algorithm_(algorithm) {
    // Only memory can be missing: both algorithms are in OpenSSL's default provider.
    if (!context_ || EVP_DigestInit_ex(context_.get(), algorithm == Digest::Algorithm::sha256 ? EVP_sha256() : EVP_sha512(), nullptr) != 1) throw std::bad_alloc();
}

void Hasher::add(std::span<char const> bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

Digest Hasher::finish() {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex(context_.get(), bytes, &length);
    return Digest((algorithm_ == Digest::Algorithm::sha256 ? "sha256:" : "sha512:") + to_hex({bytes, length}));
}

Digest Hasher::of(std::span<char const> bytes, Digest::Algorithm algorithm) {
    Hasher hasher(algorithm);
    hasher.add(bytes);
    return hasher.finish();
}

Result<std::span<char const>> HashingSource::next() {
    auto const piece = TRY(from_.next());
    hasher_.add(piece);
    count_ += piece.size();
    return piece;
}

Result<Digest> HashingSource::finish() {
    while (!TRY(next()).empty()) {}
    return hasher_.finish();
}

} // namespace bolt::image
