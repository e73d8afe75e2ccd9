// Content digests: OCI image specification 1.1, descriptor.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bolt::image {

// The identity of content, "sha256:" and 64 hex digits or "sha512:" and 128. Parsed once at the edge.
class Digest {
public:
    enum class Algorithm { sha256, sha512 };

    // EINVAL for what is not of that form; other registered algorithms are EINVAL by name.
    static Result<Digest> parse(std::string_view text);

    Algorithm algorithm() const { return text_[3] == '2' ? Algorithm::sha256 : Algorithm::sha512; }
    std::string_view hex() const { return std::string_view(text_).substr(7); }
    std::string const& text() const { return text_; }
    // The first twelve hex digits, as lists show them.
    std::string brief() const { return text_.substr(7, 12); }
    auto operator<=>(Digest const&) const = default;

private:
    friend class Hasher;
    explicit Digest(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

} // namespace bolt::image

template <>
struct fmt::formatter<bolt::image::Digest> : fmt::formatter<std::string_view> {
    auto format(bolt::image::Digest const& digest, format_context& context) const {
        return formatter<std::string_view>::format(digest.text(), context);
    }
};
