#include "image/digest.h"

#include <algorithm>

#include "base/text.h"

namespace bolt::image {

Result<Digest> Digest::parse(std::string_view text) {
    auto const [algorithm, hex, found] = cut(text, ':');
    if (!found || algorithm.empty()) return Error::of(EINVAL, "'{}' is not a digest, as in sha256:…", text.substr(0, 200));
    if (algorithm != "sha256" && algorithm != "sha512") return Error::of(EINVAL, "digest '{}' is of an algorithm that is not supported; sha256 and sha512 are", text.substr(0, 200));
    std::size_t const wanted = algorithm == "sha256" ? 64 : 128;
    bool const all_hex = std::all_of(hex.begin(), hex.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (hex.size() != wanted || !all_hex) return Error::of(EINVAL, "digest '{}' does not have {} lowercase hex digits", text.substr(0, 200), wanted);
    return Digest(std::string(text));
}

} // namespace bolt::image
