#include "base/ids.h"

namespace bolt {

std::string to_hex(std::span<unsigned char const> bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (unsigned char const byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

Result<ContainerId> ContainerId::parse(std::string_view text) {
    if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != text.npos)
        return Error::of(EINVAL, "'{}' is not a container id: 64 lowercase hex digits", text);
    return ContainerId(std::string(text));
}

ContainerId ContainerId::from_bytes(std::span<unsigned char const, 32> bytes) { return ContainerId(to_hex(bytes)); }

Result<void> check_object_name(std::string_view name) {
    constexpr std::string_view first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    constexpr std::string_view rest = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    if (name.empty() || name.size() > 253 || first.find(name[0]) == first.npos || name.find_first_not_of(rest) != name.npos)
        return Error::of(EINVAL, "'{}' cannot be a name: use letters, digits, '_', '.' and '-', and begin with a letter or digit", name);
    return {};
}

} // namespace bolt
