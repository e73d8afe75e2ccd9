// Digests of streams, by OpenSSL, which uses the processor's SHA instructions.
#pragma once

#include <memory>
#include <span>

#include "base/result.h"
#include "image/byte_source.h"
#include "image/digest.h"

struct evp_md_ctx_st;

namespace bolt::image {

class Hasher {
public:
    explicit Hasher(Digest::Algorithm algorithm = Digest::Algorithm::sha256);
    void add(std::span<char const> bytes);
    // Once, at the end.
    Digest finish();

    static Digest of(std::span<char const> bytes, Digest::Algorithm algorithm = Digest::Algorithm::sha256);

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
    Digest::Algorithm algorithm_;
};

// Hands another source through and hashes what passes.
class HashingSource : public ByteSource {
public:
    HashingSource(ByteSource& from, Digest::Algorithm algorithm) : from_(from), hasher_(algorithm) {}
    Result<std::span<char const>> next() override;
    // Reads what is left first: a digest is of the whole stream.
    Result<Digest> finish();
    std::uint64_t count() const { return count_; }

private:
    ByteSource& from_;
    Hasher hasher_;
    std::uint64_t count_ = 0;
};

} // namespace bolt::image
